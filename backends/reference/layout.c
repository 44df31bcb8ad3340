/* The internal operator that turns row-major images into channels-last ones and back. The
 * logical shape stays N, C, spatial; only the order in memory changes. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <string.h>

static gboolean
run_layout (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  gboolean to_nhwc = g_str_equal (ref_attr_string (k, "to", ""), "nhwc");
  int64_t channels, batch, area;
  RefBox box = {.rank = 3};

  if (!to_nhwc && !g_str_equal (ref_attr_string (k, "to", ""), "plain"))
    return ref_bad_value (error, "layout is \"%s\"", ref_attr_string (k, "to", ""));
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  if (shape->rank < 3) {
    ref_copy (y, 0, x, 0, gonio_tensor_count (x));
    return TRUE;
  }
  batch = shape->dims[0];
  channels = shape->dims[1];
  area = ref_dims_product (shape, 2, shape->rank);
  memcpy (box.dims, (const int64_t[]){batch, channels, area}, 3 * sizeof (int64_t));
  if (gonio_tensor_count (x) > 0)
    for (int side = 0; side < 2; side++) {
      gboolean last = side == (to_nhwc ? 1 : 0); /* channels last on this side */
      int64_t *stride = side == 0 ? box.src_stride : box.dst_stride;

      stride[0] = channels * area;
      stride[1] = last ? 1 : area;
      stride[2] = last ? channels : 1;
    }
  ref_copy_box (y, 0, x, 0, &box);
  return TRUE;
}

const RefRow ref_rows_layout[] = {
    {GONIO_OP_LAYOUT, run_layout, NULL, {REF_ANY}, 0, 0},
    {0},
};
