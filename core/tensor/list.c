/* Sequences and optional values. Depends on tensor-private.h. */
#include "core/tensor/list.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/tensor/tensor-private.h"

static const char *const kind_names[] = {
    [GONIO_KIND_TENSOR] = "tensor",
    [GONIO_KIND_SEQUENCE] = "sequence",
    [GONIO_KIND_OPTIONAL] = "optional",
    [GONIO_KIND_OPTIONAL_SEQUENCE] = "optional sequence",
};

const char *
gonio_kind_name (GonioKind kind)
{
  return (guint)kind < G_N_ELEMENTS (kind_names) ? kind_names[kind] : "unknown";
}

static gboolean
check_item (GonioKind kind, GonioDType *dtype, const GonioTensor *item, guint i, GError **error)
{
  GonioKind wanted = kind == GONIO_KIND_OPTIONAL_SEQUENCE ? GONIO_KIND_SEQUENCE : GONIO_KIND_TENSOR;
  GonioDType given = item->kind == GONIO_KIND_TENSOR ? item->dtype : item->item_dtype;

  if (item->kind != wanted) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
                 "item %u of a value of kind %s must be of kind %s, not %s", i,
                 gonio_kind_name (kind), gonio_kind_name (wanted), gonio_kind_name (item->kind));
    return FALSE;
  }
  if (*dtype == GONIO_DTYPE_NONE)
    *dtype = given;
  if (given != *dtype && given != GONIO_DTYPE_NONE) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
                 "item %u does not fit %s of %s: it is of type %s", i, gonio_kind_name (kind),
                 gonio_dtype_name (*dtype), gonio_dtype_name (given));
    return FALSE;
  }
  return TRUE;
}

static size_t
bytes_of (const GonioTensor *item)
{
  size_t bytes = item->kind == GONIO_KIND_TENSOR ? item->size : item->item_bytes;

  return bytes + gonio_tensor_text_bytes (item); /* size counts the pointers only */
}

GonioTensor *
gonio_list_new (GonioKind kind, GonioDType dtype, GonioTensor *const *items, guint n,
                GError **error)
{
  size_t bytes = 0;

  g_return_val_if_fail (kind != GONIO_KIND_TENSOR, NULL);
  if (kind != GONIO_KIND_SEQUENCE && n > 1) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
                 "an optional value holds one item at most, not %u", n);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    if (!check_item (kind, &dtype, items[i], i, error))
      return NULL;
    if (n > GONIO_LIST_MAX_ITEMS ||
        !gonio_checked_add (bytes, bytes_of (items[i]) + GONIO_LIST_ITEM_BYTES, &bytes) ||
        bytes > GONIO_LIST_MAX_BYTES) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                   "a sequence of %u tensors exceeds the limit of %u tensors and %zu MiB", n,
                   GONIO_LIST_MAX_ITEMS, GONIO_LIST_MAX_BYTES >> 20);
      return NULL;
    }
  }
  GonioTensor *list = gonio_new0 (GonioTensor, 1, "a sequence's header", error);
  if (list == NULL)
    return NULL;
  list->items = gonio_new (GonioTensor *, n, "a sequence", error);
  if (list->items == NULL) {
    g_free (list);
    return NULL;
  }
  g_atomic_ref_count_init (&list->refs);
  list->kind = kind;
  list->shape = GONIO_SHAPE (0);
  list->item_dtype = dtype;
  list->item_bytes = bytes;
  list->n_items = n;
  for (guint i = 0; i < n; i++)
    list->items[i] = gonio_tensor_ref (items[i]);
  return list;
}

GonioKind
gonio_tensor_kind (const GonioTensor *tensor)
{
  return tensor->kind;
}

guint
gonio_list_length (const GonioTensor *list)
{
  return list->n_items;
}

GonioTensor *
gonio_list_item (const GonioTensor *list, guint i)
{
  g_return_val_if_fail (i < list->n_items, NULL);
  return list->items[i];
}

GonioDType
gonio_list_dtype (const GonioTensor *list)
{
  return list->item_dtype;
}

size_t
gonio_list_bytes (const GonioTensor *list)
{
  return list->item_bytes;
}

char *
gonio_list_describe (const GonioTensor *value)
{
  const char *dtype = gonio_dtype_name (value->item_dtype);

  if (value->kind == GONIO_KIND_TENSOR) {
    g_autofree char *shape = gonio_shape_to_string (&value->shape);
    return g_strdup_printf ("%s %s", gonio_dtype_name (value->dtype), shape);
  }
  if (value->kind == GONIO_KIND_SEQUENCE)
    return g_strdup_printf ("sequence of %u %s", value->n_items, dtype);
  if (value->n_items == 0)
    return g_strdup_printf ("empty %s %s", gonio_kind_name (value->kind), dtype);
  g_autofree char *inside = gonio_list_describe (value->items[0]);
  return g_strdup_printf ("optional %s", inside);
}
