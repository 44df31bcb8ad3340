/* Tensors: memory, views, element access. Depends on base. */
#include "core/tensor/tensor.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/tensor/tensor-private.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MAX_TENSOR_BYTES ((size_t)16 << 30)

/* ---- texts ---- */

typedef struct {
  gatomicrefcount refs;
  size_t length;
  GonioMemoryBudget *budget; /* nullable */
  char bytes[];              /* length of them and a NUL; what tensors point to */
} Text;

static Text *
text_head (char *bytes)
{
  return (Text *)(bytes - offsetof (Text, bytes));
}

static void
text_unref (char *bytes) /* nullable */
{
  if (bytes == NULL || !g_atomic_ref_count_dec (&text_head (bytes)->refs))
    return;
  Text *text = text_head (bytes);
  gonio_memory_budget_give (text->budget, sizeof *text + text->length + 1);
  g_free (text);
}

/* ---- tensors ---- */

gboolean
gonio_tensor_bytes (GonioDType dtype, const GonioShape *shape, size_t *out_size)
{
  int64_t count;
  size_t bits;
  guint per_element = gonio_dtype_bits (dtype);
  if (per_element == 0 || !gonio_shape_count (shape, &count) || (uint64_t)count > SIZE_MAX ||
      !gonio_checked_mul ((size_t)count, per_element, &bits) || bits > SIZE_MAX - 7)
    return FALSE;
  *out_size = (bits + 7) / 8;
  return TRUE;
}

/* Everything but the memory. */
static GonioTensor *
tensor_header (GonioDType dtype, const GonioShape *shape, GError **error)
{
  size_t size;
  int64_t count;
  if (shape->rank < 0 || shape->rank > GONIO_MAX_RANK || !gonio_shape_count (shape, &count) ||
      !gonio_tensor_bytes (dtype, shape, &size) || size > MAX_TENSOR_BYTES) {
    g_autofree char *text = gonio_shape_to_string (shape);
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "a %s tensor of shape %s exceeds the limit of 16 GiB", gonio_dtype_name (dtype),
                 text);
    return NULL;
  }
  GonioTensor *tensor = gonio_new0 (GonioTensor, 1, "a tensor's header", error);
  if (tensor == NULL)
    return NULL;
  g_atomic_ref_count_init (&tensor->refs);
  tensor->dtype = dtype;
  tensor->shape = *shape;
  tensor->count = count;
  tensor->size = size;
  return tensor;
}

static GonioTensor *
tensor_alloc (GonioDType dtype, const GonioShape *shape, gboolean zero, gboolean lasting,
              GError **error)
{
  g_autoptr (GonioTensor) tensor = tensor_header (dtype, shape, error);
  if (tensor == NULL)
    return NULL;
  size_t block = tensor->size + GONIO_TENSOR_TAIL + GONIO_TENSOR_ALIGN;
  if (!gonio_memory_budget_take (block, "a tensor", &tensor->budget, error))
    return NULL;
  tensor->taken = block;
  gboolean strings = dtype == GONIO_DTYPE_STRING;
  size_t used = tensor->size + GONIO_TENSOR_TAIL;
  tensor->data =
      !lasting || strings ? NULL : gonio_pool_alloc (used, zero ? used : GONIO_TENSOR_TAIL);
  if (tensor->data != NULL) {
    tensor->owner = tensor->data;
    tensor->destroy = gonio_pool_free;
    return g_steal_pointer (&tensor);
  }
  tensor->owner = zero || strings ? gonio_alloc0 (1, block, "a tensor", error)
                                  : gonio_alloc (1, block, "a tensor", error);
  if (tensor->owner == NULL)
    return NULL;
  tensor->owns_strings = strings;
  tensor->destroy = g_free;
  uintptr_t address = (uintptr_t)tensor->owner;
  size_t skip = (GONIO_TENSOR_ALIGN - address % GONIO_TENSOR_ALIGN) % GONIO_TENSOR_ALIGN;
  tensor->data = (char *)tensor->owner + skip;
  memset ((char *)tensor->data + tensor->size, 0, GONIO_TENSOR_TAIL);
  return g_steal_pointer (&tensor);
}

GonioTensor *
gonio_tensor_new (GonioDType dtype, const GonioShape *shape, GError **error)
{
  return tensor_alloc (dtype, shape, FALSE, FALSE, error);
}

GonioTensor *
gonio_tensor_new_zeroed (GonioDType dtype, const GonioShape *shape, GError **error)
{
  return tensor_alloc (dtype, shape, TRUE, FALSE, error);
}

GonioTensor *
gonio_tensor_new_lasting (GonioDType dtype, const GonioShape *shape, gboolean zeroed,
                          GError **error)
{
  return tensor_alloc (dtype, shape, zeroed, TRUE, error);
}

GonioTensor *
gonio_tensor_new_copy (GonioDType dtype, const GonioShape *shape, const void *data, size_t size,
                       GError **error)
{
  g_return_val_if_fail (dtype != GONIO_DTYPE_STRING, NULL);
  g_autoptr (GonioTensor) tensor = tensor_alloc (dtype, shape, FALSE, FALSE, error);
  if (tensor == NULL)
    return NULL;
  if (tensor->size != size) {
    g_autofree char *text = gonio_shape_to_string (shape);
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                 "a %s tensor of shape %s holds %" G_GSIZE_FORMAT " bytes, not %" G_GSIZE_FORMAT,
                 gonio_dtype_name (dtype), text, tensor->size, size);
    return NULL;
  }
  if (size > 0)
    memcpy (tensor->data, data, size);
  return g_steal_pointer (&tensor);
}

GonioTensor *
gonio_tensor_new_wrapped (GonioDType dtype, const GonioShape *shape, void *data, gpointer owner,
                          GDestroyNotify destroy, GError **error)
{
  g_return_val_if_fail (dtype != GONIO_DTYPE_STRING, NULL);
  g_return_val_if_fail ((uintptr_t)data % GONIO_TENSOR_ALIGN == 0, NULL);
  GonioTensor *tensor = tensor_header (dtype, shape, error);
  if (tensor == NULL)
    return NULL;
  tensor->data = data;
  tensor->owner = owner;
  tensor->destroy = destroy;
  return tensor;
}

GonioTensor *
gonio_tensor_new_view (GonioTensor *tensor, const GonioShape *shape, GError **error)
{
  g_autoptr (GonioTensor) view = tensor_header (tensor->dtype, shape, error);
  if (view == NULL)
    return NULL;
  if (view->count != tensor->count) {
    g_autofree char *from = gonio_shape_to_string (&tensor->shape);
    g_autofree char *to = gonio_shape_to_string (shape);
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE,
                 "a tensor of shape %s cannot be seen as %s: element counts differ", from, to);
    return NULL;
  }
  view->data = tensor->data;
  view->owner = gonio_tensor_ref (tensor);
  view->destroy = (GDestroyNotify)gonio_tensor_unref;
  return g_steal_pointer (&view);
}

GonioTensor *
gonio_tensor_ref (GonioTensor *tensor)
{
  g_atomic_ref_count_inc (&tensor->refs);
  return tensor;
}

void
gonio_tensor_unref (GonioTensor *tensor)
{
  if (!g_atomic_ref_count_dec (&tensor->refs))
    return;
  if (tensor->owns_strings) {
    char **strings = tensor->data;
    for (int64_t i = 0; i < tensor->count; i++)
      text_unref (strings[i]);
  }
  for (guint i = 0; i < tensor->n_items; i++)
    gonio_tensor_unref (tensor->items[i]);
  g_free (tensor->items);
  if (tensor->destroy != NULL)
    tensor->destroy (tensor->owner);
  gonio_memory_budget_give (tensor->budget, tensor->taken);
  g_free (tensor);
}

GonioDType
gonio_tensor_dtype (const GonioTensor *tensor)
{
  return tensor->dtype;
}

const GonioShape *
gonio_tensor_shape (const GonioTensor *tensor)
{
  return &tensor->shape;
}

int64_t
gonio_tensor_count (const GonioTensor *tensor)
{
  return tensor->count;
}

size_t
gonio_tensor_size (const GonioTensor *tensor)
{
  return tensor->size;
}

const void *
gonio_tensor_data (const GonioTensor *tensor)
{
  return tensor->data;
}

void *
gonio_tensor_writable_data (GonioTensor *tensor)
{
  return tensor->data;
}

const char *
gonio_tensor_string (const GonioTensor *tensor, int64_t i)
{
  g_return_val_if_fail (tensor->dtype == GONIO_DTYPE_STRING && i >= 0 && i < tensor->count, "");
  const char *text = ((char *const *)tensor->data)[i];
  return text != NULL ? text : "";
}

size_t
gonio_tensor_string_length (const GonioTensor *tensor, int64_t i)
{
  g_return_val_if_fail (tensor->dtype == GONIO_DTYPE_STRING && i >= 0 && i < tensor->count, 0);
  char *text = ((char *const *)tensor->data)[i];
  return text != NULL ? text_head (text)->length : 0;
}

size_t
gonio_tensor_text_bytes (const GonioTensor *tensor)
{
  size_t bytes = 0;
  if (tensor->dtype == GONIO_DTYPE_STRING)
    for (int64_t i = 0; i < tensor->count; i++)
      if (!gonio_checked_add (bytes, gonio_tensor_string_length (tensor, i), &bytes))
        return G_MAXSIZE;
  return bytes;
}

char *
gonio_tensor_new_string (GonioTensor *tensor, int64_t i, size_t length, GError **error)
{
  g_return_val_if_fail (tensor->dtype == GONIO_DTYPE_STRING && i >= 0 && i < tensor->count, NULL);
  if (length > GONIO_TENSOR_MAX_TEXT - tensor->new_text) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "the texts of a tensor exceed the limit of %zu MiB: element %" G_GINT64_FORMAT
                 " has %" G_GSIZE_FORMAT " bytes more",
                 GONIO_TENSOR_MAX_TEXT >> 20, i, length);
    return NULL;
  }
  size_t size = sizeof (Text) + length + 1;
  GonioMemoryBudget *budget = NULL;
  if (!gonio_memory_budget_take (size, "a text", &budget, error))
    return NULL;
  Text *text = gonio_alloc (1, size, "a text", error);
  if (text == NULL) {
    gonio_memory_budget_give (budget, size);
    return NULL;
  }
  g_atomic_ref_count_init (&text->refs);
  text->length = length;
  text->budget = budget;
  text->bytes[length] = '\0';
  tensor->new_text += length;
  char **slot = (char **)tensor->data + i;
  text_unref (*slot);
  *slot = text->bytes;
  return *slot;
}

gboolean
gonio_tensor_set_string (GonioTensor *tensor, int64_t i, const char *text, GError **error)
{
  size_t length = strlen (text);
  char *copy = gonio_tensor_new_string (tensor, i, length, error);
  if (copy != NULL)
    memcpy (copy, text, length);
  return copy != NULL;
}

void
gonio_tensor_share_string (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from)
{
  g_return_if_fail (dst->dtype == GONIO_DTYPE_STRING && at >= 0 && at < dst->count);
  g_return_if_fail (src == NULL || (src->dtype == GONIO_DTYPE_STRING && from < src->count));
  char *text = src != NULL ? ((char *const *)src->data)[from] : NULL;
  char **slot = (char **)dst->data + at;
  if (text != NULL)
    g_atomic_ref_count_inc (&text_head (text)->refs);
  text_unref (*slot);
  *slot = text;
}

/* Packed 4- and 2-bit codes, low bits first. */
static guint
packed_code (const GonioTensor *tensor, int64_t i)
{
  guint bits = gonio_dtype_bits (tensor->dtype);
  guint per_byte = 8 / bits;
  guint shift = (guint)(i % per_byte) * bits;
  return ((const uint8_t *)tensor->data)[i / per_byte] >> shift & ((1u << bits) - 1);
}

static double
float_at (const GonioTensor *tensor, int64_t i)
{
  const void *data = tensor->data;
  switch (tensor->dtype) {
  case GONIO_DTYPE_FLOAT:
  case GONIO_DTYPE_COMPLEX64: /* the real part */
    return ((const float *)data)[tensor->dtype == GONIO_DTYPE_FLOAT ? i : 2 * i];
  case GONIO_DTYPE_DOUBLE:
  case GONIO_DTYPE_COMPLEX128:
    return ((const double *)data)[tensor->dtype == GONIO_DTYPE_DOUBLE ? i : 2 * i];
  case GONIO_DTYPE_FLOAT16:
    return (double)gonio_half_to_float (((const uint16_t *)data)[i]);
  case GONIO_DTYPE_BFLOAT16:
    return (double)gonio_bfloat16_to_float (((const uint16_t *)data)[i]);
  case GONIO_DTYPE_FLOAT4E2M1:
    return (double)gonio_small_float_to_float (tensor->dtype, (uint8_t)packed_code (tensor, i));
  default:
    return (double)gonio_small_float_to_float (tensor->dtype, ((const uint8_t *)data)[i]);
  }
}

static int64_t
integer_at (const GonioTensor *tensor, int64_t i)
{
  const void *data = tensor->data;
  switch (tensor->dtype) {
  case GONIO_DTYPE_BOOL:
    return ((const uint8_t *)data)[i] != 0;
  case GONIO_DTYPE_UINT8:
    return ((const uint8_t *)data)[i];
  case GONIO_DTYPE_INT8:
    return ((const int8_t *)data)[i];
  case GONIO_DTYPE_UINT16:
    return ((const uint16_t *)data)[i];
  case GONIO_DTYPE_INT16:
    return ((const int16_t *)data)[i];
  case GONIO_DTYPE_UINT32:
    return ((const uint32_t *)data)[i];
  case GONIO_DTYPE_INT32:
    return ((const int32_t *)data)[i];
  case GONIO_DTYPE_INT64:
    return ((const int64_t *)data)[i];
  case GONIO_DTYPE_UINT64:
    return (int64_t)MIN (((const uint64_t *)data)[i], (uint64_t)INT64_MAX);
  case GONIO_DTYPE_UINT4:
  case GONIO_DTYPE_UINT2:
    return packed_code (tensor, i);
  case GONIO_DTYPE_INT4: {
    guint code = packed_code (tensor, i);
    return code < 8 ? (int64_t)code : (int64_t)code - 16;
  }
  case GONIO_DTYPE_INT2: {
    guint code = packed_code (tensor, i);
    return code < 2 ? (int64_t)code : (int64_t)code - 4;
  }
  default:
    return 0;
  }
}

static gboolean
holds_floats (const GonioTensor *tensor)
{
  return gonio_dtype_is_float (tensor->dtype) || tensor->dtype == GONIO_DTYPE_COMPLEX64 ||
         tensor->dtype == GONIO_DTYPE_COMPLEX128;
}

double
gonio_tensor_get_double (const GonioTensor *tensor, int64_t i)
{
  g_return_val_if_fail (i >= 0 && i < tensor->count, NAN);
  if (holds_floats (tensor))
    return float_at (tensor, i);
  if (tensor->dtype == GONIO_DTYPE_UINT64)
    return (double)((const uint64_t *)tensor->data)[i];
  return (double)integer_at (tensor, i);
}

int64_t
gonio_tensor_get_int (const GonioTensor *tensor, int64_t i)
{
  g_return_val_if_fail (i >= 0 && i < tensor->count, 0);
  if (!holds_floats (tensor))
    return integer_at (tensor, i);
  double value = float_at (tensor, i);
  if (isnan (value))
    return 0;
  if (value >= 0x1p63)
    return INT64_MAX;
  return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}
