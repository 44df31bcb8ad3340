/* What picks elements by their values: Compress, NonZero, OneHot, Unique, NonMaxSuppression.
 * Depends on kernel.h, window.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

#include <math.h>
#include <string.h>

static int64_t *
int64_data (GonioTensor *tensor)
{
  return gonio_tensor_writable_data (tensor);
}

/* ---- Compress ---- */

static gboolean
run_compress (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *condition = k->inputs[1], *y;
  const uint8_t *wanted = gonio_tensor_data (condition);
  GonioShape shape = *gonio_tensor_shape (x);
  int64_t n = gonio_tensor_count (x), outer = 1, inner = 1, kept = 0, at = 0;
  int axis = 0;

  if (gonio_node_attr (k->node, "axis") != NULL) {
    if (!ref_axis (ref_attr_int (k, "axis", 0), shape.rank, &axis, error))
      return FALSE;
    n = shape.dims[axis];
    outer = ref_dims_product (&shape, 0, axis);
    inner = ref_dims_product (&shape, axis + 1, shape.rank);
  } else {
    shape = GONIO_SHAPE (n);
  }
  for (int64_t i = 0; i < gonio_tensor_count (condition); i++) {
    if (wanted[i] && i >= n)
      return ref_bad_value (
          error, "condition wants element %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, i, n);
    kept += wanted[i] ? 1 : 0;
  }
  shape.dims[axis] = kept;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < MIN (n, gonio_tensor_count (condition)); i++)
      if (wanted[i]) {
        ref_copy (y, at, x, (o * n + i) * inner, inner);
        at += inner;
      }
  return TRUE;
}

/* ---- NonZero ---- */

static gboolean
is_zero (const GonioTensor *x, int64_t i)
{
  double f;
  int64_t v;

  if (gonio_tensor_dtype (x) == GONIO_DTYPE_STRING)
    return *gonio_tensor_string (x, i) == '\0';
  if (ref_form (gonio_tensor_dtype (x)) == REF_FORM_FLOAT) {
    ref_load_f64 (x, i, 1, &f);
    return f == 0;
  }
  ref_load_i64 (x, i, 1, &v);
  return v == 0;
}

static gboolean
run_non_zero (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t count = gonio_tensor_count (x), found = 0, at = 0, index[GONIO_MAX_RANK] = {0};

  for (int64_t i = 0; i < count; i++)
    found += !is_zero (x, i);
  y = ref_output (k, 0, GONIO_DTYPE_INT64, REF_SHAPE (shape->rank, found), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < count; i++) {
    if (!is_zero (x, i)) {
      for (int d = 0; d < shape->rank; d++)
        int64_data (y)[d * found + at] = index[d];
      at++;
    }
    ref_next_index (shape->rank, shape->dims, index);
  }
  return TRUE;
}

/* ---- OneHot ---- */

static gboolean
run_one_hot (GonioKernel *k, GError **error)
{
  GonioTensor *indices = k->inputs[0], *values = k->inputs[2], *y;
  const GonioShape *from = gonio_tensor_shape (indices);
  GonioShape shape = {0};
  int64_t depth, inner;
  int axis;

  if (!ref_scalar_int (k->inputs[1], &depth, "depth", error) ||
      !ref_axis (ref_attr_int (k, "axis", -1), from->rank + 1, &axis, error))
    return FALSE;
  if (depth < 0)
    return ref_bad_value (error, "depth is %" G_GINT64_FORMAT, depth);
  if (gonio_tensor_count (values) != 2)
    return ref_bad_shape (
        error, "values must hold the off and the on value, it has %" G_GINT64_FORMAT " elements",
        gonio_tensor_count (values));
  if (from->rank + 1 > GONIO_MAX_RANK)
    return ref_bad_shape (error, "result would have rank %d", from->rank + 1);
  shape.rank = from->rank + 1;
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = d < axis ? from->dims[d] : d == axis ? depth : from->dims[d - 1];
  y = ref_output (k, 0, gonio_tensor_dtype (values), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  ref_fill (y, 0, values, 0, gonio_tensor_count (y));
  inner = ref_dims_product (from, axis, from->rank);
  for (int64_t i = 0; i < gonio_tensor_count (indices); i++) {
    int64_t pick;

    ref_load_i64 (indices, i, 1, &pick);
    if (pick >= -depth && pick < depth)
      ref_copy (y, (i / inner * depth + (pick < 0 ? pick + depth : pick)) * inner + i % inner,
                values, 1, 1);
  }
  return TRUE;
}

/* ---- Unique ---- */

/* n items along an axis, each outer x inner elements of x. */
typedef struct {
  const GonioTensor *x;
  int64_t n, outer, inner;
} Items;

static int
compare_elements (const GonioTensor *x, int64_t a, int64_t b)
{
  RefForm form = ref_form (gonio_tensor_dtype (x));
  double f[2];
  int64_t v[2];

  if (gonio_tensor_dtype (x) == GONIO_DTYPE_STRING)
    return strcmp (gonio_tensor_string (x, a), gonio_tensor_string (x, b));
  if (form == REF_FORM_FLOAT) {
    ref_load_f64 (x, a, 1, &f[0]);
    ref_load_f64 (x, b, 1, &f[1]);
    if (isnan (f[0]) || isnan (f[1]))
      return (isnan (f[0]) ? 1 : 0) - (isnan (f[1]) ? 1 : 0);
    return (f[0] > f[1]) - (f[0] < f[1]);
  }
  ref_load_i64 (x, a, 1, &v[0]);
  ref_load_i64 (x, b, 1, &v[1]);
  if (form == REF_FORM_UINT)
    return ((uint64_t)v[0] > (uint64_t)v[1]) - ((uint64_t)v[0] < (uint64_t)v[1]);
  return (v[0] > v[1]) - (v[0] < v[1]);
}

static int
compare_items (const Items *items, int64_t a, int64_t b)
{
  for (int64_t o = 0; o < items->outer; o++)
    for (int64_t i = 0; i < items->inner; i++) {
      int order = compare_elements (items->x, (o * items->n + a) * items->inner + i,
                                    (o * items->n + b) * items->inner + i);

      if (order != 0)
        return order;
    }
  return 0;
}

/* Equal items stay in their order, so that the first of a run is the first occurrence. */
static int
compare_by_item (gconstpointer a, gconstpointer b, gpointer data)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  int order = compare_items (data, x, y);

  return order != 0 ? order : (x > y) - (x < y);
}

static int
compare_by_first (gconstpointer a, gconstpointer b, gpointer data)
{
  const int64_t *first = data;
  int64_t x = first[*(const int64_t *)a], y = first[*(const int64_t *)b];

  return (x > y) - (x < y);
}

/* Groups of equal items. All arrays have n entries, the first n_groups of which count. */
typedef struct {
  int64_t n_groups;
  int64_t *group; /* of item i, in the order of the values */
  int64_t *first; /* item that stands for a group */
  int64_t *count;
  int64_t *order; /* groups as they are put out */
  int64_t *place; /* the inverse of order */
} Groups;

static void
groups_clear (Groups *g)
{
  g_free (g->group);
  g_free (g->first);
  g_free (g->count);
  g_free (g->order);
  g_free (g->place);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Groups, groups_clear)

static gboolean
groups_init (Groups *g, const Items *items, gboolean sorted, GError **error)
{
  int64_t n = items->n;
  g_autofree int64_t *by_value = ref_alloc (n, sizeof *by_value, error);

  if (by_value == NULL || (g->group = ref_alloc (n, sizeof *g->group, error)) == NULL ||
      (g->first = ref_alloc (n, sizeof *g->first, error)) == NULL ||
      (g->count = ref_alloc0 (n, sizeof *g->count, error)) == NULL ||
      (g->order = ref_alloc (n, sizeof *g->order, error)) == NULL ||
      (g->place = ref_alloc (n, sizeof *g->place, error)) == NULL)
    return FALSE;
  if (n > G_MAXINT)
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " elements are too many to sort", n);
  for (int64_t i = 0; i < n; i++)
    by_value[i] = i;
  if (n > 1)
    qsort_r (by_value, (size_t)n, sizeof *by_value, compare_by_item, (gpointer)items);
  for (int64_t i = 0; i < n; i++) {
    if (i == 0 || compare_items (items, by_value[i - 1], by_value[i]) != 0)
      g->first[g->n_groups++] = by_value[i];
    g->group[by_value[i]] = g->n_groups - 1;
    g->count[g->n_groups - 1]++;
  }
  for (int64_t i = 0; i < g->n_groups; i++)
    g->order[i] = i;
  if (!sorted && g->n_groups > 1)
    qsort_r (g->order, (size_t)g->n_groups, sizeof *g->order, compare_by_first, g->first);
  for (int64_t i = 0; i < g->n_groups; i++)
    g->place[g->order[i]] = i;
  return TRUE;
}

/* Optional outputs: first indices, inverse indices, counts. */
static gboolean
unique_extras (GonioKernel *k, const Groups *g, int64_t n, GError **error)
{
  for (guint i = 1; i <= 3; i++) {
    int64_t size = i == 2 ? n : g->n_groups;
    GonioTensor *out;

    if (!ref_wants (k, i))
      continue;
    out = ref_output (k, i, GONIO_DTYPE_INT64, REF_SHAPE (size), error);
    if (out == NULL)
      return FALSE;
    for (int64_t j = 0; j < size; j++)
      int64_data (out)[j] = i == 1   ? g->first[g->order[j]]
                            : i == 2 ? g->place[g->group[j]]
                                     : g->count[g->order[j]];
  }
  return TRUE;
}

static gboolean
run_unique (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  Items items = {x, gonio_tensor_count (x), 1, 1};
  g_auto (Groups) groups = {0};
  int axis = 0;

  if (gonio_node_attr (k->node, "axis") != NULL) {
    if (!ref_axis (ref_attr_int (k, "axis", 0), shape.rank, &axis, error))
      return FALSE;
    items.n = shape.dims[axis];
    items.outer = ref_dims_product (&shape, 0, axis);
    items.inner = ref_dims_product (&shape, axis + 1, shape.rank);
    if (gonio_tensor_count (x) == 0 && items.n > 0)
      items.outer = items.inner = 0;
  } else {
    shape = GONIO_SHAPE (items.n);
  }
  if (!groups_init (&groups, &items, ref_attr_int (k, "sorted", 1) != 0, error))
    return FALSE;
  shape.dims[axis] = groups.n_groups;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t o = 0; o < items.outer; o++)
    for (int64_t j = 0; j < groups.n_groups; j++)
      ref_copy (y, (o * groups.n_groups + j) * items.inner, x,
                (o * items.n + groups.first[groups.order[j]]) * items.inner, items.inner);
  return unique_extras (k, &groups, items.n, error);
}

/* ---- NonMaxSuppression ---- */

typedef struct {
  double y1, x1, y2, x2; /* y1 <= y2, x1 <= x2 */
  double score;
  int64_t index;
} Box;

static int
compare_boxes (gconstpointer a, gconstpointer b, gpointer data)
{
  const Box *x = a, *y = b;

  if (x->score != y->score)
    return x->score < y->score ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

static double
overlap (const Box *a, const Box *b)
{
  double height = MIN (a->y2, b->y2) - MAX (a->y1, b->y1);
  double width = MIN (a->x2, b->x2) - MAX (a->x1, b->x1);
  double both = height > 0 && width > 0 ? height * width : 0;
  double all = (a->y2 - a->y1) * (a->x2 - a->x1) + (b->y2 - b->y1) * (b->x2 - b->x1) - both;

  return all > 0 ? both / all : 0;
}

typedef struct {
  int64_t batches, classes, n, limit;
  double iou, score;
  gboolean has_score, centred;
} Suppression;

static void
read_box (const GonioTensor *boxes, int64_t at, gboolean centred, Box *out)
{
  double v[4];

  ref_load_f64 (boxes, at, 4, v);
  if (centred) {
    out->x1 = v[0] - v[2] / 2;
    out->x2 = v[0] + v[2] / 2;
    out->y1 = v[1] - v[3] / 2;
    out->y2 = v[1] + v[3] / 2;
  } else {
    out->y1 = MIN (v[0], v[2]);
    out->y2 = MAX (v[0], v[2]);
    out->x1 = MIN (v[1], v[3]);
    out->x2 = MAX (v[1], v[3]);
  }
}

typedef struct {
  int64_t *at; /* (image, class, box) triples */
  size_t n, capacity;
} Triples;

static void
triples_clear (Triples *triples)
{
  g_free (triples->at);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Triples, triples_clear)

/* One class of one image. */
static gboolean
suppress (GonioKernel *k, const Suppression *s, int64_t batch, int64_t class, Box *candidates,
          Box *chosen, Triples *out, GError **error)
{
  int64_t n = 0, n_chosen = 0;

  for (int64_t i = 0; i < s->n; i++) {
    Box box = {.index = i};

    ref_load_f64 (k->inputs[1], (batch * s->classes + class) * s->n + i, 1, &box.score);
    if (isnan (box.score) || (s->has_score && !(box.score > s->score)))
      continue;
    read_box (k->inputs[0], (batch * s->n + i) * 4, s->centred, &box);
    candidates[n++] = box;
  }
  if (n > 1)
    qsort_r (candidates, (size_t)n, sizeof *candidates, compare_boxes, NULL);
  for (int64_t i = 0; i < n && n_chosen < s->limit; i++) {
    gboolean keep = TRUE;

    if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
      return FALSE;
    for (int64_t j = 0; j < n_chosen && keep; j++)
      keep = overlap (&candidates[i], &chosen[j]) <= s->iou;
    if (keep) {
      int64_t triple[3] = {batch, class, candidates[i].index};

      chosen[n_chosen++] = candidates[i];
      if (!gonio_reserve ((gpointer *)&out->at, &out->capacity, out->n, 3, sizeof *out->at,
                          "the boxes that are kept", error))
        return FALSE;
      memcpy (out->at + out->n, triple, sizeof triple);
      out->n += 3;
    }
  }
  return TRUE;
}

static gboolean
suppression_init (Suppression *s, GonioKernel *k, GError **error)
{
  const GonioShape *boxes = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *scores = gonio_tensor_shape (k->inputs[1]);

  if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 ||
      boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2]) {
    g_autofree char *left = gonio_shape_to_string (boxes);
    g_autofree char *right = gonio_shape_to_string (scores);

    return ref_bad_shape (error,
                          "boxes %s and scores %s do not fit [batch,boxes,4] and "
                          "[batch,classes,boxes]",
                          left, right);
  }
  *s = (Suppression){.batches = boxes->dims[0],
                     .classes = scores->dims[1],
                     .n = boxes->dims[1],
                     .centred = ref_attr_int (k, "center_point_box", 0) != 0,
                     .has_score = ref_in (k, 4) != NULL};
  if (s->n > G_MAXINT)
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " boxes are too many to sort", s->n);
  return (ref_in (k, 2) == NULL ||
          ref_scalar_int (k->inputs[2], &s->limit, "max_output_boxes_per_class", error)) &&
         (ref_in (k, 3) == NULL ||
          ref_scalar_f64 (k->inputs[3], &s->iou, "iou_threshold", error)) &&
         (!s->has_score || ref_scalar_f64 (k->inputs[4], &s->score, "score_threshold", error));
}

static gboolean
run_non_max_suppression (GonioKernel *k, GError **error)
{
  g_auto (Triples) out = {0};
  g_autofree Box *candidates = NULL;
  g_autofree Box *chosen = NULL;
  Suppression s;
  GonioTensor *y;

  if (!suppression_init (&s, k, error))
    return FALSE;
  candidates = ref_alloc (s.n, sizeof *candidates, error);
  chosen = ref_alloc (s.n, sizeof *chosen, error);
  if (candidates == NULL || chosen == NULL)
    return FALSE;
  for (int64_t b = 0; s.n > 0 && b < s.batches; b++)
    for (int64_t c = 0; c < s.classes; c++)
      if (!suppress (k, &s, b, c, candidates, chosen, &out, error))
        return FALSE;
  y = ref_output (k, 0, GONIO_DTYPE_INT64, REF_SHAPE ((int64_t)out.n / 3, 3), error);
  if (y == NULL)
    return FALSE;
  if (out.n > 0)
    memcpy (int64_data (y), out.at, out.n * sizeof *out.at);
  return TRUE;
}

#define UNIQUE_TYPES (REF_NUMBERS | REF_BOOL | REF_T (STRING))

const RefRow ref_rows_select[] = {
    {GONIO_OP_COMPRESS, run_compress, NULL, {REF_ANY, REF_BOOL}, 0, 0},
    {GONIO_OP_NON_MAX_SUPPRESSION,
     run_non_max_suppression,
     NULL,
     {REF_T (FLOAT), REF_T (FLOAT), REF_T (INT64), REF_T (FLOAT)},
     0,
     0},
    {GONIO_OP_NON_ZERO, run_non_zero, NULL, {UNIQUE_TYPES}, 0, 0},
    {GONIO_OP_ONE_HOT, run_one_hot, NULL, {REF_NUMBERS, REF_NUMBERS, REF_ANY}, 0, 0},
    {GONIO_OP_UNIQUE, run_unique, NULL, {UNIQUE_TYPES}, 0, 0},
    {0},
};
