/* TreeEnsemble. Depends on kernel.h, core/ops/ml.h. */
#include "backends/reference/kernel.h"
#include "core/ops/ml.h"

#include <math.h>

typedef enum { SUM, AVERAGE, MIN_OF, MAX_OF } Aggregate;

typedef struct {
  const int64_t *nodes, *leaves, *targets, *roots;
  const double *splits, *members; /* members: NULL without any */
  double *weights;
  int64_t n_nodes, n_leaves, n_votes, n_roots, n_members, n_features, n_targets;
  Aggregate aggregate;
  double *sums;   /* n_targets: of one row */
  gboolean *seen; /* n_targets: did any leaf vote for it? */
  guint64 steps;  /* so far, for polling */
} Forest;

static gboolean
is_place (const Forest *f, int64_t place)
{
  return place < 0 ? -1 - place < f->n_leaves : place < f->n_nodes;
}

/* Every way down ends: children stand behind their parents. */
static gboolean
check_nodes (const Forest *f, GError **error)
{
  for (int64_t i = 0; i < f->n_nodes; i++) {
    const int64_t *node = f->nodes + i * GONIO_TREE_COLUMNS;
    int64_t first = node[GONIO_TREE_FIRST], count = node[GONIO_TREE_COUNT];

    for (int c = GONIO_TREE_TRUE; c <= GONIO_TREE_FALSE; c++)
      if (!is_place (f, node[c]) || (node[c] >= 0 && node[c] <= i))
        return ref_bad_value (error,
                              "node %" G_GINT64_FORMAT " goes on at %" G_GINT64_FORMAT
                              ", which is no node behind it",
                              i, node[c]);
    if (node[GONIO_TREE_FEATURE] < 0 || node[GONIO_TREE_FEATURE] >= f->n_features)
      return ref_bad_value (error,
                            "node %" G_GINT64_FORMAT " asks for feature %" G_GINT64_FORMAT
                            " of %" G_GINT64_FORMAT,
                            i, node[GONIO_TREE_FEATURE], f->n_features);
    if (node[GONIO_TREE_MODE] < 0 || node[GONIO_TREE_MODE] > GONIO_TREE_MEMBER)
      return ref_bad_value (error, "node %" G_GINT64_FORMAT " has mode %" G_GINT64_FORMAT, i,
                            node[GONIO_TREE_MODE]);
    if (node[GONIO_TREE_MODE] == GONIO_TREE_MEMBER &&
        (first < 0 || count < 0 || first > f->n_members || count > f->n_members - first))
      return ref_bad_value (error, "node %" G_GINT64_FORMAT " has a set that is not there", i);
  }
  return TRUE;
}

static gboolean
check_leaves (const Forest *f, GError **error)
{
  for (int64_t i = 0; i < f->n_leaves; i++)
    if (f->leaves[i] < 0 || f->leaves[i] > f->leaves[i + 1] || f->leaves[i + 1] > f->n_votes)
      return ref_bad_value (error, "leaf %" G_GINT64_FORMAT " has votes that are not there", i);
  for (int64_t i = 0; i < f->n_votes; i++)
    if (f->targets[i] < 0 || f->targets[i] >= f->n_targets)
      return ref_bad_value (error, "a vote is for target %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                            f->targets[i], f->n_targets);
  for (int64_t i = 0; i < f->n_roots; i++)
    if (!is_place (f, f->roots[i]))
      return ref_bad_value (error, "root %" G_GINT64_FORMAT " is not there", i);
  return TRUE;
}

static gboolean
is_true (const Forest *f, int64_t i, double x)
{
  const int64_t *node = f->nodes + i * GONIO_TREE_COLUMNS;
  double split = f->splits[i];

  if (isnan (x) && node[GONIO_TREE_MISSING] != 0)
    return TRUE;
  switch (node[GONIO_TREE_MODE]) {
  case GONIO_TREE_LEQ:
    return x <= split;
  case GONIO_TREE_LT:
    return x < split;
  case GONIO_TREE_GTE:
    return x >= split;
  case GONIO_TREE_GT:
    return x > split;
  case GONIO_TREE_EQ:
    return x == split;
  case GONIO_TREE_NEQ:
    return x != split;
  default:
    for (int64_t m = 0; m < node[GONIO_TREE_COUNT]; m++)
      if (f->members[node[GONIO_TREE_FIRST] + m] == x)
        return TRUE;
    return FALSE;
  }
}

static void
count_votes (Forest *f, int64_t leaf)
{
  for (int64_t v = f->leaves[leaf]; v < f->leaves[leaf + 1]; v++) {
    int64_t t = f->targets[v];
    double weight = f->weights[v];
    gboolean better = f->aggregate == MIN_OF ? weight < f->sums[t] : weight > f->sums[t];

    if (f->aggregate == SUM || f->aggregate == AVERAGE)
      f->sums[t] += weight;
    else if (!f->seen[t] || better)
      f->sums[t] = weight;
    f->seen[t] = TRUE;
  }
}

static gboolean
run_row (Forest *f, const double *x, GCancellable *cancellable, GError **error)
{
  for (int64_t t = 0; t < f->n_targets; t++) {
    f->sums[t] = 0;
    f->seen[t] = FALSE;
  }
  for (int64_t r = 0; r < f->n_roots; r++) {
    int64_t place = f->roots[r];

    while (place >= 0) {
      const int64_t *node = f->nodes + place * GONIO_TREE_COLUMNS;

      if (f->steps++ % (1 << 20) == 0 && g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      f->steps += node[GONIO_TREE_MODE] == GONIO_TREE_MEMBER ? (guint64)node[GONIO_TREE_COUNT] : 0;
      place = node[is_true (f, place, x[node[GONIO_TREE_FEATURE]]) ? GONIO_TREE_TRUE
                                                                   : GONIO_TREE_FALSE];
    }
    count_votes (f, -1 - place);
  }
  for (int64_t t = 0; f->aggregate == AVERAGE && t < f->n_targets; t++)
    f->sums[t] /= (double)MAX (f->n_roots, 1);
  return TRUE;
}

static gboolean
forest_init (Forest *f, const GonioKernel *k, GError **error)
{
  static const char *const names[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  const char *name = ref_attr_string (k, "aggregate_function", "SUM");
  GonioTensor *members = ref_in (k, GONIO_TREE_MEMBERS);
  const GonioShape *x = gonio_tensor_shape (k->inputs[GONIO_TREE_X]);
  const GonioShape *nodes = gonio_tensor_shape (k->inputs[GONIO_TREE_NODES]);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]))
      f->aggregate = (Aggregate)i;
  if (!g_str_equal (name, names[f->aggregate]))
    return ref_bad_value (error, "aggregate_function is \"%s\"", name);
  if (x->rank != 2 || nodes->rank != 2 || nodes->dims[1] != GONIO_TREE_COLUMNS)
    return ref_bad_shape (error, "input and nodes have rank %d and %d, or columns are missing",
                          x->rank, nodes->rank);
  f->n_features = x->dims[1];
  f->n_nodes = nodes->dims[0];
  f->n_leaves = gonio_tensor_count (k->inputs[GONIO_TREE_LEAVES]) - 1;
  f->n_votes = gonio_tensor_count (k->inputs[GONIO_TREE_TARGETS]);
  f->n_roots = gonio_tensor_count (k->inputs[GONIO_TREE_ROOTS]);
  f->n_members = members ? gonio_tensor_count (members) : 0;
  f->n_targets = ref_attr_int (k, "n_targets", 1);
  if (f->n_nodes != gonio_tensor_count (k->inputs[GONIO_TREE_SPLITS]) ||
      f->n_votes != gonio_tensor_count (k->inputs[GONIO_TREE_WEIGHTS]))
    return ref_bad_shape (error, "lists of nodes or votes differ in length");
  if (f->n_targets < 1)
    return ref_bad_value (error, "it has %" G_GINT64_FORMAT " targets", f->n_targets);
  f->nodes = gonio_tensor_data (k->inputs[GONIO_TREE_NODES]);
  f->splits = gonio_tensor_data (k->inputs[GONIO_TREE_SPLITS]);
  f->leaves = gonio_tensor_data (k->inputs[GONIO_TREE_LEAVES]);
  f->targets = gonio_tensor_data (k->inputs[GONIO_TREE_TARGETS]);
  f->roots = gonio_tensor_data (k->inputs[GONIO_TREE_ROOTS]);
  f->members = members ? gonio_tensor_data (members) : NULL;
  return check_nodes (f, error) && check_leaves (f, error);
}

static gboolean
run_tree_ensemble (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[GONIO_TREE_X], *y;
  Forest f = {0};
  g_autofree double *weights = NULL;
  g_autofree double *sums = NULL;
  g_autofree double *row = NULL;
  g_autofree gboolean *seen = NULL;

  if (!forest_init (&f, k, error))
    return FALSE;
  int64_t rows = gonio_tensor_shape (x)->dims[0];
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[GONIO_TREE_WEIGHTS]),
                  REF_SHAPE (rows, f.n_targets), error);
  if (y == NULL || gonio_tensor_count (y) == 0)
    return y != NULL;
  weights = ref_dup_f64 (k->inputs[GONIO_TREE_WEIGHTS], error);
  sums = weights ? ref_alloc (f.n_targets, sizeof *sums, error) : NULL;
  seen = sums ? ref_alloc (f.n_targets, sizeof *seen, error) : NULL;
  row = seen ? ref_alloc (f.n_features, sizeof *row, error) : NULL;
  if (row == NULL)
    return FALSE;
  f.weights = weights;
  f.sums = sums;
  f.seen = seen;
  for (int64_t i = 0; i < rows; i++) {
    ref_load_f64 (x, i * f.n_features, f.n_features, row);
    if (!run_row (&f, row, k->cancellable, error))
      return FALSE;
    ref_store_f64 (y, i * f.n_targets, f.n_targets, sums);
  }
  return TRUE;
}

#define I64     REF_T (INT64)
#define F64     REF_T (DOUBLE)
#define NUMBERS (REF_FLOATS | REF_INDEX)

const RefRow ref_rows_tree[] = {
    {GONIO_OP_TREE_ENSEMBLE,
     run_tree_ensemble,
     NULL,
     {NUMBERS, I64, F64, I64, I64, REF_FLOATS, I64, F64},
     0,
     0},
    {0},
};
