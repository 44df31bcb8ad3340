/* Known shapes: counting, strides, broadcasting. Depends on base. */
#include "core/tensor/shape.h"

#include "core/base/checked.h"

GonioShape
gonio_shape_make (int rank, const int64_t *dims)
{
  GonioShape shape = {0};
  g_return_val_if_fail (rank >= 0 && rank <= GONIO_MAX_RANK, shape);
  shape.rank = rank;
  for (int i = 0; i < rank; i++)
    shape.dims[i] = dims[i];
  return shape;
}

gboolean
gonio_shape_equal (const GonioShape *a, const GonioShape *b)
{
  if (a->rank != b->rank)
    return FALSE;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i])
      return FALSE;
  return TRUE;
}

gboolean
gonio_shape_count (const GonioShape *shape, int64_t *out_count)
{
  int64_t count = 1;
  gboolean overflow = FALSE, empty = FALSE;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dims[i] < 0)
      return FALSE;
    empty |= shape->dims[i] == 0;
    overflow |= !gonio_checked_mul_i64 (count, shape->dims[i], &count);
  }
  if (empty)
    count = 0;
  else if (overflow)
    return FALSE;
  *out_count = count;
  return TRUE;
}

void
gonio_shape_strides (const GonioShape *shape, int64_t out_strides[GONIO_MAX_RANK])
{
  int64_t stride = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    out_strides[i] = stride;
    /* Overflow is possible only next to a zero dimension, where no stride is ever used. */
    if (!gonio_checked_mul_i64 (stride, shape->dims[i], &stride))
      stride = 0;
  }
}

gboolean
gonio_shape_broadcast (const GonioShape *a, const GonioShape *b, GonioShape *out_shape)
{
  GonioShape out = {.rank = MAX (a->rank, b->rank)};
  for (int i = 0; i < out.rank; i++) {
    int ia = i - (out.rank - a->rank), ib = i - (out.rank - b->rank);
    int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
    if (da != db && da != 1 && db != 1)
      return FALSE;
    out.dims[i] = da == 1 ? db : da;
  }
  *out_shape = out;
  return TRUE;
}

char *
gonio_shape_to_string (const GonioShape *shape)
{
  GString *text = g_string_new ("[");
  for (int i = 0; i < shape->rank; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i ? "," : "", shape->dims[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}
