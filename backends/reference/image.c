/* ImageDecoder: the program's own decoder, called from a model. Depends on kernel.h,
 * reference.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/reference.h"

#include <string.h>

static GonioImageDecode image_decode; /* set once, before anything runs; read atomically */

void
gonio_reference_set_image_decoder (GonioImageDecode decode)
{
  g_atomic_pointer_set (&image_decode, decode);
}

static void
swap_red_and_blue (uint8_t *pixels, size_t n)
{
  for (size_t i = 0; i < n; i++, pixels += 3) {
    uint8_t red = pixels[0];

    pixels[0] = pixels[2];
    pixels[2] = red;
  }
}

/* The operator's definition: what cannot be decoded gives an empty result. */
static gboolean
run_image_decoder (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioImageDecode decode = g_atomic_pointer_get (&image_decode);
  const char *order = ref_attr_string (k, "pixel_format", "RGB");
  gboolean grey = g_str_equal (order, "Grayscale");
  g_autoptr (GBytes) file = NULL;
  g_autoptr (GError) failure = NULL;
  g_autofree uint8_t *pixels = NULL;
  guint width = 0, height = 0;

  if (gonio_tensor_shape (x)->rank != 1)
    return ref_bad_shape (error, "the file must be a list of bytes, not of rank %d",
                          gonio_tensor_shape (x)->rank);
  if (!grey && !g_str_equal (order, "RGB") && !g_str_equal (order, "BGR"))
    return ref_bad_value (error, "pixel_format is \"%s\"", order);
  if (decode == NULL)
    return ref_bad_value (error, "this program has no decoder for pictures");
  file = g_bytes_new_static (gonio_tensor_data (x), gonio_tensor_size (x));
  pixels = decode (file, grey, &width, &height, &failure);
  if (g_error_matches (failure, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MEMORY)) {
    ref_raise (error, GONIO_RUN_ERROR_MEMORY, "%s", failure->message);
    return FALSE;
  }
  if (pixels == NULL) {
    g_info ("%s: %s", k->node->name, failure->message);
    width = height = 0;
  }
  y = ref_output (k, 0, GONIO_DTYPE_UINT8, REF_SHAPE (height, width, grey ? 1 : 3), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  memcpy (gonio_tensor_writable_data (y), pixels, gonio_tensor_size (y));
  if (g_str_equal (order, "BGR"))
    swap_red_and_blue (gonio_tensor_writable_data (y), (size_t)width * height);
  return TRUE;
}

const RefRow ref_rows_image[] = {
    {GONIO_OP_IMAGE_DECODER, run_image_decoder, NULL, {REF_T (UINT8)}, 0, 0},
    {0},
};
