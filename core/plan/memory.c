/* Greedy-by-size first fit. Depends on tensor, base. */
#include "core/plan/memory.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/tensor/tensor.h"

/* First fit is quadratic in the number of buffers. Beyond this many, the smallest ones get
 * memory of their own, which costs little and bounds the time for hostile graphs. */
#define MAX_SHARED 16384

typedef struct {
  GonioMemoryItem *item; /* a root */
  size_t slot;           /* its size with tail, rounded up */
  guint first, last;     /* over all its aliases */
  guint index;
} Root;

static gint
by_size (gconstpointer pa, gconstpointer pb)
{
  const Root *a = pa, *b = pb;
  if (a->slot != b->slot)
    return a->slot > b->slot ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static gboolean
slot_size (size_t size, size_t *out_slot)
{
  size_t slot;
  if (!gonio_checked_add (size, GONIO_TENSOR_TAIL + GONIO_TENSOR_ALIGN - 1, &slot))
    return FALSE;
  *out_slot = slot - slot % GONIO_TENSOR_ALIGN;
  return TRUE;
}

/* One Root per item without alias, ranges and sizes widened by those that alias it. */
static gboolean
collect_roots (const GonioMemoryItem *items, guint n, guint *root_of, GArray *roots)
{
  for (guint i = 0; i < n; i++) {
    size_t slot;
    if (!slot_size (items[i].size, &slot))
      return FALSE;
    if (items[i].alias < 0) {
      root_of[i] = roots->len;
      Root root = {NULL, slot, items[i].first, items[i].last, i};
      g_array_append_val (roots, root);
      continue;
    }
    g_return_val_if_fail ((guint)items[i].alias < i, FALSE);
    root_of[i] = root_of[items[i].alias];
    Root *root = &g_array_index (roots, Root, root_of[i]);
    root->slot = MAX (root->slot, slot);
    root->first = MIN (root->first, items[i].first);
    root->last = MAX (root->last, items[i].last);
  }
  return TRUE;
}

/* Lowest offset at which root collides with none of placed, which is sorted by offset. */
static size_t
first_fit (const GPtrArray *placed, const Root *root)
{
  size_t offset = 0;
  for (guint i = 0; i < placed->len; i++) {
    const Root *other = g_ptr_array_index (placed, i);
    if (other->first > root->last || other->last < root->first)
      continue;
    if (other->item->offset >= offset && other->item->offset - offset >= root->slot)
      break;
    offset = MAX (offset, other->item->offset + other->slot);
  }
  return offset;
}

static void
insert_by_offset (GPtrArray *placed, Root *root)
{
  guint low = 0, high = placed->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const Root *other = g_ptr_array_index (placed, middle);
    if (other->item->offset <= root->item->offset)
      low = middle + 1;
    else
      high = middle;
  }
  g_ptr_array_insert (placed, (gint)low, root);
}

static gboolean
place (GArray *roots, GonioMemoryItem *items, size_t *out_total)
{
  g_autoptr (GPtrArray) placed = g_ptr_array_new ();
  size_t total = 0;
  for (guint i = 0; i < roots->len; i++) {
    Root *root = &g_array_index (roots, Root, i);
    root->item = &items[root->index];
    gboolean shared = i < MAX_SHARED;
    root->item->offset = shared ? first_fit (placed, root) : total;
    size_t end;
    if (!gonio_checked_add (root->item->offset, root->slot, &end))
      return FALSE;
    total = MAX (total, end);
    if (shared)
      insert_by_offset (placed, root);
  }
  *out_total = total;
  return TRUE;
}

gboolean
gonio_memory_plan (GonioMemoryItem *items, guint n, size_t *out_total, GError **error)
{
  g_autofree guint *root_of = g_new (guint, MAX (n, 1));
  g_autoptr (GArray) roots = g_array_new (FALSE, FALSE, sizeof (Root));
  gboolean ok = collect_roots (items, n, root_of, roots);
  if (ok) {
    /* Sorting loses the positions root_of speaks of; keep each root's item instead. */
    for (guint i = 0; i < n; i++)
      root_of[i] = g_array_index (roots, Root, root_of[i]).index;
    g_array_sort (roots, by_size);
    ok = place (roots, items, out_total);
  }
  if (!ok) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "the intermediate values need more memory than can be addressed");
    return FALSE;
  }
  for (guint i = 0; i < n; i++)
    items[i].offset = items[root_of[i]].offset;
  return TRUE;
}
