/* Import rows of tree ensembles. Depends on ml.h, core/ops/ml.h.
 *
 * Both forms, nodes with ids per tree (versions 1 and 3) and inner nodes and leaves by index
 * (version 5), become the tables of core/ops/ml.h. Nodes are put in the order in which they are
 * reached from the roots: children stand behind their parents, so no way down can run in a circle,
 * and each node is reached once, so a row of input takes no more steps than there are nodes. */
#include "core/onnx/import/ml.h"

#include "core/base/memory.h"
#include "core/ops/ml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN  "ai.onnx.ml"
#define COLUMNS GONIO_TREE_COLUMNS

typedef struct {
  size_t n; /* inner nodes */
  int64_t *nodes;
  double *splits;
  size_t n_leaves, n_votes, n_roots, n_members;
  int64_t *leaves, *targets, *roots;
  double *weights, *members;
  GonioDType dtype; /* of the weights */
  int64_t n_targets;
  const char *aggregate;
} Forest;

static void
forest_clear (Forest *f)
{
  gpointer all[] = {f->nodes, f->splits, f->leaves, f->targets, f->weights, f->roots, f->members};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    g_free (all[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Forest, forest_clear)

static gboolean
forest_alloc (Forest *f, size_t n, size_t n_leaves, size_t n_votes, size_t n_roots, GError **error)
{
  f->n = n;
  f->n_leaves = n_leaves;
  f->n_votes = n_votes;
  f->n_roots = n_roots;
  f->nodes = gonio_alloc0 (n, COLUMNS * sizeof (int64_t), "the nodes of trees", error);
  f->splits = gonio_new0 (double, n, "the nodes of trees", error);
  f->leaves = gonio_new0 (int64_t, n_leaves + 1, "the leaves of trees", error);
  f->targets = gonio_new0 (int64_t, n_votes, "the leaves of trees", error);
  f->weights = gonio_new0 (double, n_votes, "the leaves of trees", error);
  f->roots = gonio_new0 (int64_t, n_roots, "the trees", error);
  return f->nodes && f->splits && f->leaves && f->targets && f->weights && f->roots;
}

/* ---- attributes ---- */

#define A(NAME, TYPE)                                                                              \
  {                                                                                                \
    NAME, GONIO_ATTR_##TYPE, FALSE                                                                 \
  }
#define LISTED                                                                                     \
  A ("base_values", FLOATS), A ("base_values_as_tensor", TENSOR), A ("nodes_falsenodeids", INTS),  \
      A ("nodes_featureids", INTS), A ("nodes_hitrates", FLOATS),                                  \
      A ("nodes_hitrates_as_tensor", TENSOR), A ("nodes_missing_value_tracks_true", INTS),         \
      A ("nodes_modes", STRINGS), A ("nodes_nodeids", INTS), A ("nodes_treeids", INTS),            \
      A ("nodes_truenodeids", INTS), A ("nodes_values", FLOATS),                                   \
      A ("nodes_values_as_tensor", TENSOR), A ("post_transform", STRING)
#define VOTES(PREFIX)                                                                              \
  A (PREFIX "_ids", INTS), A (PREFIX "_nodeids", INTS), A (PREFIX "_treeids", INTS),               \
      A (PREFIX "_weights", FLOATS), A (PREFIX "_weights_as_tensor", TENSOR)

static const GonioAttrSchema attrs_classifier[] = {LISTED,
                                                   VOTES ("class"),
                                                   A ("classlabels_int64s", INTS),
                                                   A ("classlabels_strings", STRINGS),
                                                   {0}};
static const GonioAttrSchema attrs_regressor[] = {
    LISTED, VOTES ("target"), A ("aggregate_function", STRING), A ("n_targets", INT), {0}};
static const GonioAttrSchema attrs_ensemble[] = {A ("aggregate_function", INT),
                                                 A ("leaf_targetids", INTS),
                                                 A ("leaf_weights", TENSOR),
                                                 A ("membership_values", TENSOR),
                                                 A ("n_targets", INT),
                                                 A ("nodes_falseleafs", INTS),
                                                 A ("nodes_falsenodeids", INTS),
                                                 A ("nodes_featureids", INTS),
                                                 A ("nodes_hitrates", TENSOR),
                                                 A ("nodes_missing_value_tracks_true", INTS),
                                                 A ("nodes_modes", TENSOR),
                                                 A ("nodes_splits", TENSOR),
                                                 A ("nodes_trueleafs", INTS),
                                                 A ("nodes_truenodeids", INTS),
                                                 A ("post_transform", INT),
                                                 A ("tree_roots", INTS),
                                                 {0}};

/* ---- order ---- */

typedef struct {
  int64_t *queue; /* old indices in the new order */
  int64_t *place; /* new index by old one, -1: not reached */
  size_t n;       /* reached */
} Order;

static void
order_clear (Order *order)
{
  g_free (order->queue);
  g_free (order->place);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Order, order_clear)

/* A node is reached: its place is what stands in *place from now on. Leaves stay. */
static gboolean
reach (Order *order, int64_t *place, GError **error)
{
  int64_t old = *place;

  if (old < 0)
    return TRUE;
  if (order->place[old] >= 0)
    return gonio_import_malformed (error,
                                   "two ways lead to inner node %" G_GINT64_FORMAT
                                   " (counted by tree and id): nodes may neither be shared nor run "
                                   "in a circle.",
                                   old);
  order->place[old] = (int64_t)order->n;
  order->queue[order->n] = old;
  *place = (int64_t)order->n++;
  return TRUE;
}

/* Puts the nodes in order, with their splits; those that are not reached are left out. */
static gboolean
arrange (Forest *f, GError **error)
{
  g_auto (Order) order = {gonio_new (int64_t, f->n, "the nodes of trees", error),
                          gonio_new (int64_t, f->n, "the nodes of trees", error), 0};
  g_autofree int64_t *nodes =
      gonio_alloc (f->n, COLUMNS * sizeof (int64_t), "the nodes of trees", error);
  g_autofree double *splits = gonio_new (double, f->n, "the nodes of trees", error);

  if (!order.queue || !order.place || !nodes || !splits)
    return FALSE;
  for (size_t i = 0; i < f->n; i++)
    order.place[i] = -1;
  for (size_t r = 0; r < f->n_roots; r++)
    if (!reach (&order, &f->roots[r], error))
      return FALSE;
  for (size_t i = 0; i < order.n; i++) {
    int64_t *node = nodes + i * COLUMNS;

    memcpy (node, f->nodes + order.queue[i] * COLUMNS, COLUMNS * sizeof *node);
    splits[i] = f->splits[order.queue[i]];
    if (!reach (&order, &node[GONIO_TREE_TRUE], error) ||
        !reach (&order, &node[GONIO_TREE_FALSE], error))
      return FALSE;
  }
  g_free (f->nodes);
  g_free (f->splits);
  f->nodes = g_steal_pointer (&nodes);
  f->splits = g_steal_pointer (&splits);
  f->n = order.n;
  return TRUE;
}

static GonioValueId
int_table (GonioImportNode *in, const char *hint, const GonioShape *shape, const int64_t *numbers)
{
  GError **error = in->failure ? NULL : &in->failure;
  size_t bytes = 0;
  gonio_tensor_bytes (GONIO_DTYPE_INT64, shape, &bytes);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, shape, numbers, bytes, error);
  return gonio_ml_constant (in, hint, tensor);
}

static GonioValueId
int_list (GonioImportNode *in, const char *hint, size_t n, const int64_t *numbers)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)n);
  return int_table (in, hint, &shape, numbers);
}

static GonioValueId
real_list (GonioImportNode *in, const char *hint, GonioDType dtype, size_t n, const double *numbers)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)n);
  return gonio_ml_numbers (in, hint, dtype, &shape, numbers);
}

/* The sums of the trees' votes, one column for each target. */
static GonioValueId
emit_forest (GonioImportNode *in, const Forest *f)
{
  GonioShape table = GONIO_SHAPE ((int64_t)f->n, COLUMNS);
  GonioNodeId node = GONIO_NODE_NONE;
  const GonioValueId inputs[8] = {
      gonio_ml_rows (in, GONIO_DTYPE_NONE),
      int_table (in, "nodes", &table, f->nodes),
      real_list (in, "splits", GONIO_DTYPE_DOUBLE, f->n, f->splits),
      int_list (in, "leaves", f->n_leaves + 1, f->leaves),
      int_list (in, "targets", f->n_votes, f->targets),
      real_list (in, "weights", f->dtype, f->n_votes, f->weights),
      int_list (in, "roots", f->n_roots, f->roots),
      f->members ? real_list (in, "members", GONIO_DTYPE_DOUBLE, f->n_members, f->members)
                 : GONIO_VALUE_NONE};
  GonioValueId y =
      gonio_import_emit (in, GONIO_OP_TREE_ENSEMBLE, "trees", inputs, f->members ? 8 : 7, &node);

  gonio_graph_set_attr_int (in->graph, node, "n_targets", f->n_targets);
  gonio_graph_set_attr_string (in->graph, node, "aggregate_function", f->aggregate);
  return y;
}

static gboolean
check_targets (const Forest *f, GError **error)
{
  for (size_t v = 0; v < f->n_votes; v++)
    if (f->targets[v] < 0 || f->targets[v] >= f->n_targets)
      return gonio_import_malformed (
          error, "a leaf votes for target %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ".",
          f->targets[v], f->n_targets);
  return TRUE;
}

/* ---- versions 1 to 4: every node has the id of its tree and one of its own ---- */

typedef struct {
  int64_t tree, node;
  size_t at;     /* in the file's lists */
  int64_t place; /* inner nodes and leaves each count from 0 */
} Id;

static int
compare_ids (gconstpointer pa, gconstpointer pb)
{
  const Id *a = pa, *b = pb;

  return a->tree != b->tree ? (a->tree > b->tree) - (a->tree < b->tree)
                            : (a->node > b->node) - (a->node < b->node);
}

typedef struct {
  size_t n;
  Id *ids; /* sorted */
  const int64_t *trees, *nodes, *features, *yes, *no, *missing;
  char *const *modes;
  double *values;
  gboolean is_double;
} Listed;

static void
listed_clear (Listed *l)
{
  g_free (l->ids);
  g_free (l->values);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Listed, listed_clear)

static Id *
find_id (const Listed *l, int64_t tree, int64_t node)
{
  const Id key = {.tree = tree, .node = node};
  return l->n > 0 ? bsearch (&key, l->ids, l->n, sizeof *l->ids, compare_ids) : NULL;
}

/* A list of n integers; *out NULL when it may be absent and is. */
static gboolean
ints_of (const GonioImportNode *in, const char *name, size_t n, gboolean required,
         const int64_t **out, GError **error)
{
  guint count = 0;
  *out = gonio_node_attr_ints (in->node, name, &count);
  if (count == n || (count == 0 && !required))
    return TRUE;
  return gonio_import_malformed (
      error, "attribute “%s” holds %u integers where %" G_GSIZE_FORMAT " are needed.", name, count,
      n);
}

static gboolean
read_lists (Listed *l, const GonioImportNode *in, GError **error)
{
  const GonioAttr *modes = gonio_node_attr (in->node, "nodes_modes");
  size_t n_values = 0;

  if (!modes || modes->type != GONIO_ATTR_STRINGS || modes->count == 0)
    return gonio_import_malformed (error, "it has no nodes.");
  l->n = modes->count;
  l->modes = modes->strings;
  if (!ints_of (in, "nodes_treeids", l->n, TRUE, &l->trees, error) ||
      !ints_of (in, "nodes_nodeids", l->n, TRUE, &l->nodes, error) ||
      !ints_of (in, "nodes_featureids", l->n, TRUE, &l->features, error) ||
      !ints_of (in, "nodes_truenodeids", l->n, TRUE, &l->yes, error) ||
      !ints_of (in, "nodes_falsenodeids", l->n, TRUE, &l->no, error) ||
      !ints_of (in, "nodes_missing_value_tracks_true", l->n, FALSE, &l->missing, error) ||
      !gonio_ml_doubles (in, "nodes_values", &l->values, &n_values, &l->is_double, error))
    return FALSE;
  if (n_values != l->n)
    return gonio_import_malformed (
        error, "it has %" G_GSIZE_FORMAT " nodes_values for %" G_GSIZE_FORMAT " nodes.", n_values,
        l->n);
  l->ids = gonio_new (Id, l->n, "the nodes of trees", error);
  if (!l->ids)
    return FALSE;
  for (size_t i = 0; i < l->n; i++)
    l->ids[i] = (Id){l->trees[i], l->nodes[i], i, 0};
  qsort (l->ids, l->n, sizeof *l->ids, compare_ids);
  for (size_t i = 1; i < l->n; i++)
    if (compare_ids (&l->ids[i - 1], &l->ids[i]) == 0)
      return gonio_import_malformed (
          error, "node %" G_GINT64_FORMAT " of tree %" G_GINT64_FORMAT " is there twice.",
          l->ids[i].node, l->ids[i].tree);
  return TRUE;
}

/* BRANCH_LEQ to BRANCH_NEQ; -1: LEAF, -2: neither. */
static int
mode_of (const char *name)
{
  static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                      "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]))
      return (int)i;
  return g_str_equal (name, "LEAF") ? -1 : -2;
}

/* Numbers inner nodes and leaves, and counts them and the trees. */
static gboolean
number_nodes (Listed *l, size_t *out_inner, size_t *out_leaves, size_t *out_trees, GError **error)
{
  *out_inner = *out_leaves = *out_trees = 0;
  for (size_t i = 0; i < l->n; i++) {
    Id *id = &l->ids[i];
    int mode = mode_of (l->modes[id->at]);

    if (mode == -2)
      return gonio_import_malformed (error, "a node has the mode “%s”.", l->modes[id->at]);
    id->place = mode >= 0 ? (int64_t)(*out_inner)++ : -1 - (int64_t)(*out_leaves)++;
    if (i == 0 || l->ids[i - 1].tree != id->tree)
      (*out_trees)++;
  }
  return TRUE;
}

static gboolean
child_of (const Listed *l, const Id *parent, int64_t child, int64_t *out_place, GError **error)
{
  const Id *id = find_id (l, parent->tree, child);

  if (!id)
    return gonio_import_malformed (error,
                                   "node %" G_GINT64_FORMAT " of tree %" G_GINT64_FORMAT
                                   " goes on at node %" G_GINT64_FORMAT ", which is not there.",
                                   parent->node, parent->tree, child);
  *out_place = id->place;
  return TRUE;
}

/* The first node that the file lists of a tree is its root. */
static gboolean
fill_nodes (const Listed *l, Forest *f, GError **error)
{
  size_t tree = 0, first = 0;

  for (size_t i = 0; i < l->n; i++) {
    const Id *id = &l->ids[i];

    if (i > 0 && l->ids[i - 1].tree != id->tree) {
      tree++;
      first = i;
    }
    if (i == first || id->at < l->ids[first].at) {
      f->roots[tree] = id->place;
      first = i;
    }
    if (id->place < 0)
      continue;
    int64_t *node = f->nodes + id->place * COLUMNS;
    node[GONIO_TREE_FEATURE] = l->features[id->at];
    node[GONIO_TREE_MODE] = mode_of (l->modes[id->at]);
    node[GONIO_TREE_MISSING] = l->missing ? l->missing[id->at] : 0;
    f->splits[id->place] = l->values[id->at];
    if (!child_of (l, id, l->yes[id->at], &node[GONIO_TREE_TRUE], error) ||
        !child_of (l, id, l->no[id->at], &node[GONIO_TREE_FALSE], error))
      return FALSE;
  }
  return TRUE;
}

typedef struct {
  const int64_t *trees, *nodes, *targets;
  double *weights;
  size_t n;
  gboolean is_double;
} Votes;

static void
votes_clear (Votes *votes)
{
  g_free (votes->weights);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Votes, votes_clear)

/* prefix: "class" or "target". */
static gboolean
votes_init (Votes *v, const GonioImportNode *in, const char *prefix, GError **error)
{
  g_autofree char *weights = g_strdup_printf ("%s_weights", prefix);
  g_autofree char *trees = g_strdup_printf ("%s_treeids", prefix);
  g_autofree char *nodes = g_strdup_printf ("%s_nodeids", prefix);
  g_autofree char *targets = g_strdup_printf ("%s_ids", prefix);

  return gonio_ml_doubles (in, weights, &v->weights, &v->n, &v->is_double, error) &&
         ints_of (in, trees, v->n, TRUE, &v->trees, error) &&
         ints_of (in, nodes, v->n, TRUE, &v->nodes, error) &&
         ints_of (in, targets, v->n, TRUE, &v->targets, error);
}

/* Votes at inner nodes never count. */
static gboolean
fill_votes (const Listed *l, const Votes *v, Forest *f, GError **error)
{
  for (int pass = 0; pass < 2; pass++) { /* counting, then filling from the end of each leaf */
    for (size_t i = v->n; i-- > 0;) {
      const Id *id = find_id (l, v->trees[i], v->nodes[i]);

      if (!id)
        return gonio_import_malformed (error,
                                       "a vote is for node %" G_GINT64_FORMAT
                                       " of tree %" G_GINT64_FORMAT ", which is not there.",
                                       v->nodes[i], v->trees[i]);
      if (id->place >= 0)
        continue;
      if (pass == 0) {
        f->leaves[-1 - id->place]++;
        continue;
      }
      int64_t at = --f->leaves[-1 - id->place];
      f->targets[at] = v->targets[i];
      f->weights[at] = v->weights[i];
    }
    /* From counts to where each leaf ends; filling turns that into where it starts. */
    for (size_t i = 1; pass == 0 && i <= f->n_leaves; i++)
      f->leaves[i] += f->leaves[i - 1];
  }
  f->n_votes = (size_t)f->leaves[f->n_leaves];
  return TRUE;
}

static gboolean
read_forest (Forest *f, const GonioImportNode *in, const Votes *v, GError **error)
{
  g_auto (Listed) l = {0};
  size_t inner = 0, leaves = 0, trees = 0;

  if (!read_lists (&l, in, error) || !number_nodes (&l, &inner, &leaves, &trees, error) ||
      !forest_alloc (f, inner, leaves, v->n, trees, error) || !fill_nodes (&l, f, error) ||
      !fill_votes (&l, v, f, error))
    return FALSE;
  f->dtype = v->is_double ? GONIO_DTYPE_DOUBLE : GONIO_DTYPE_FLOAT;
  return check_targets (f, error) && arrange (f, error);
}

/* base_values: one for each column, or none. */
static GonioValueId
add_base (GonioImportNode *in, const Forest *f, GonioValueId scores, const double *base, size_t n)
{
  return n > 0 ? gonio_import_binary (in, GONIO_OP_ADD, "based", scores,
                                      real_list (in, "base", f->dtype, n, base))
               : scores;
}

static gboolean
tree_regressor (GonioImportNode *in, GError **error)
{
  const char *aggregate = gonio_node_attr_string (in->node, "aggregate_function", "SUM");
  g_auto (Forest)
      f = {.aggregate = aggregate, .n_targets = gonio_node_attr_int (in->node, "n_targets", 1)};
  g_auto (Votes) votes = {0};
  g_autofree double *base = NULL;
  size_t n_base = 0;
  gboolean is_double = FALSE;
  GonioMlTransform transform = GONIO_ML_NONE;

  if (!gonio_import_check_attrs (in, attrs_regressor, error))
    return FALSE;
  if (!g_str_equal (aggregate, "SUM") && !g_str_equal (aggregate, "AVERAGE") &&
      !g_str_equal (aggregate, "MIN") && !g_str_equal (aggregate, "MAX"))
    return gonio_import_malformed (error, "aggregate_function is “%s”.", aggregate);
  if (!gonio_ml_transform (in, &transform, error) ||
      !gonio_ml_doubles (in, "base_values", &base, &n_base, &is_double, error) ||
      !votes_init (&votes, in, "target", error) || !read_forest (&f, in, &votes, error))
    return FALSE;
  if (n_base > 0 && (int64_t)n_base != f.n_targets)
    return gonio_import_malformed (
        error, "it has %" G_GSIZE_FORMAT " base_values for %" G_GINT64_FORMAT " targets.", n_base,
        f.n_targets);
  GonioMlOutputs out = gonio_ml_begin (in);
  GonioValueId y = add_base (in, &f, emit_forest (in, &f), base, n_base);
  gonio_ml_give (in, &out, 0, gonio_ml_transformed (in, transform, f.dtype, y));
  gonio_ml_end (in);
  return TRUE;
}

/* ---- classifiers ---- */

/* Two classes and votes for one of them only: column 0 is that class whichever it is. Weights that
 * are never negative are probabilities, others are distances from the border. */
typedef struct {
  gboolean binary, is_probability;
} Vote;

static Vote
look_at_votes (Forest *f, int64_t classes)
{
  Vote vote = {classes == 2 && f->n_votes > 0, TRUE};

  for (size_t v = 0; v < f->n_votes; v++) {
    vote.binary = vote.binary && f->targets[v] == f->targets[0];
    vote.is_probability = vote.is_probability && f->weights[v] >= 0;
  }
  for (size_t v = 0; vote.binary && v < f->n_votes; v++)
    f->targets[v] = 0;
  f->n_targets = vote.binary ? 1 : classes;
  return vote;
}

static GonioValueId
other_class (GonioImportNode *in, const Forest *f, gboolean is_probability, GonioValueId score)
{
  return is_probability
             ? gonio_import_binary (in, GONIO_OP_SUB, "other",
                                    gonio_import_const_scalar (in, "one", f->dtype, 1), score)
             : gonio_import_unary (in, GONIO_OP_NEG, "other", score);
}

static gboolean
tree_classifier (GonioImportNode *in, GError **error)
{
  g_autoptr (GonioTensor) labels = gonio_ml_labels (in, "classlabels_int64s", error);
  g_auto (Forest) f = {.aggregate = "SUM"};
  g_auto (Votes) votes = {0};
  g_autofree double *base = NULL;
  size_t n_base = 0;
  gboolean is_double = FALSE;
  GonioMlTransform transform = GONIO_ML_NONE;

  if (!labels || !gonio_import_check_attrs (in, attrs_classifier, error))
    return FALSE;
  int64_t classes = f.n_targets = gonio_tensor_count (labels);
  if (!gonio_ml_transform (in, &transform, error) ||
      !gonio_ml_doubles (in, "base_values", &base, &n_base, &is_double, error) ||
      !votes_init (&votes, in, "class", error) || !read_forest (&f, in, &votes, error))
    return FALSE;
  Vote vote = look_at_votes (&f, classes);
  if (n_base > 0 && (int64_t)n_base != classes && !(vote.binary && n_base == 1))
    return gonio_import_malformed (
        error, "it has %" G_GSIZE_FORMAT " base_values for %" G_GINT64_FORMAT " classes.", n_base,
        classes);
  GonioMlOutputs out = gonio_ml_begin (in);
  GonioValueId y = emit_forest (in, &f);
  if (vote.binary) { /* of two base values that of the second class counts */
    y = add_base (in, &f, y, n_base == 2 ? &base[1] : base, MIN (n_base, 1));
    y = gonio_ml_columns (in, "scores",
                          other_class (in, &f,
                                       vote.is_probability && (transform == GONIO_ML_NONE ||
                                                               transform == GONIO_ML_PROBIT),
                                       y),
                          y);
  } else {
    y = add_base (in, &f, y, base, n_base);
  }
  gonio_ml_give_label (in, &out, y, labels);
  gonio_ml_give (in, &out, 1, gonio_ml_transformed (in, transform, f.dtype, y));
  gonio_ml_end (in);
  return TRUE;
}

/* ---- version 5: inner nodes and leaves by index ---- */

/* The tensor attribute's numbers; NULL without error when it may be absent and is. */
static const GonioTensor *
tensor_of (const GonioImportNode *in, const char *name, gboolean required, GError **error)
{
  const GonioAttr *attr = gonio_node_attr (in->node, name);

  if (attr && attr->type == GONIO_ATTR_TENSOR)
    return attr->tensor;
  if (attr || required)
    gonio_import_malformed (error, "attribute “%s” %s.", name,
                            attr ? "is no tensor" : "is missing");
  return NULL;
}

/* Where node i goes on, from its index and whether that is a leaf's. */
static gboolean
place_of (const Forest *f, int64_t index, gboolean is_leaf, int64_t *out_place, GError **error)
{
  size_t n = is_leaf ? f->n_leaves : f->n;

  if (index < 0 || (uint64_t)index >= n)
    return gonio_import_malformed (error, "%s %" G_GINT64_FORMAT " is not there.",
                                   is_leaf ? "leaf" : "node", index);
  *out_place = is_leaf ? -1 - index : index;
  return TRUE;
}

/* The sets stand one after the other in the order of their nodes, each ended by NaN. */
static gboolean
read_members (Forest *f, const GonioTensor *tensor, GError **error)
{
  size_t n = tensor ? (size_t)gonio_tensor_count (tensor) : 0, at = 0;

  f->n_members = n;
  if (tensor && !gonio_dtype_is_float (gonio_tensor_dtype (tensor)))
    return gonio_import_malformed (error, "membership_values are of type %s.",
                                   gonio_dtype_name (gonio_tensor_dtype (tensor)));
  f->members = gonio_new (double, n, "the sets of trees", error);
  if (!f->members)
    return FALSE;
  for (size_t i = 0; i < n; i++)
    f->members[i] = gonio_tensor_get_double (tensor, (int64_t)i);
  for (size_t i = 0; i < f->n; i++) {
    int64_t *node = f->nodes + i * COLUMNS;

    if (node[GONIO_TREE_MODE] != GONIO_TREE_MEMBER)
      continue;
    node[GONIO_TREE_FIRST] = (int64_t)at;
    while (at < n && !isnan (f->members[at]))
      at++;
    if (at == n)
      return gonio_import_malformed (
          error, "membership_values hold no set for node %" G_GSIZE_FORMAT ".", i);
    node[GONIO_TREE_COUNT] = (int64_t)at++ - node[GONIO_TREE_FIRST];
  }
  return TRUE;
}

static gboolean
read_inner (Forest *f, const GonioImportNode *in, GError **error)
{
  const GonioTensor *splits = tensor_of (in, "nodes_splits", TRUE, error);
  const GonioTensor *modes = splits ? tensor_of (in, "nodes_modes", TRUE, error) : NULL;
  const int64_t *features, *yes, *no, *yes_leaf, *no_leaf, *missing;

  if (!modes || !ints_of (in, "nodes_featureids", f->n, TRUE, &features, error) ||
      !ints_of (in, "nodes_truenodeids", f->n, TRUE, &yes, error) ||
      !ints_of (in, "nodes_falsenodeids", f->n, TRUE, &no, error) ||
      !ints_of (in, "nodes_trueleafs", f->n, TRUE, &yes_leaf, error) ||
      !ints_of (in, "nodes_falseleafs", f->n, TRUE, &no_leaf, error) ||
      !ints_of (in, "nodes_missing_value_tracks_true", f->n, FALSE, &missing, error))
    return FALSE;
  if ((uint64_t)gonio_tensor_count (splits) != f->n ||
      (uint64_t)gonio_tensor_count (modes) != f->n ||
      !gonio_dtype_is_float (gonio_tensor_dtype (splits)) ||
      gonio_tensor_dtype (modes) != GONIO_DTYPE_UINT8)
    return gonio_import_malformed (
        error, "nodes_splits or nodes_modes are not %" G_GSIZE_FORMAT " numbers of their type.",
        f->n);
  for (size_t i = 0; i < f->n; i++) {
    int64_t *node = f->nodes + i * COLUMNS, mode = gonio_tensor_get_int (modes, (int64_t)i);

    if (mode > GONIO_TREE_MEMBER)
      return gonio_import_malformed (error, "a node has the mode %" G_GINT64_FORMAT ".", mode);
    node[GONIO_TREE_FEATURE] = features[i];
    node[GONIO_TREE_MODE] = mode;
    node[GONIO_TREE_MISSING] = missing ? missing[i] : 0;
    f->splits[i] = gonio_tensor_get_double (splits, (int64_t)i);
    if (!place_of (f, yes[i], yes_leaf[i] != 0, &node[GONIO_TREE_TRUE], error) ||
        !place_of (f, no[i], no_leaf[i] != 0, &node[GONIO_TREE_FALSE], error))
      return FALSE;
  }
  g_autoptr (GError) local = NULL;
  const GonioTensor *members = tensor_of (in, "membership_values", FALSE, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  return read_members (f, members, error);
}

static gboolean
read_forest_5 (Forest *f, const GonioImportNode *in, GError **error)
{
  const GonioTensor *weights = tensor_of (in, "leaf_weights", TRUE, error);
  guint n = 0, n_roots = 0;
  const int64_t *targets = NULL, *roots = gonio_node_attr_ints (in->node, "tree_roots", &n_roots);
  gonio_node_attr_ints (in->node, "nodes_featureids", &n);

  if (!weights)
    return FALSE;
  size_t n_leaves = (size_t)gonio_tensor_count (weights);
  if (n == 0 || n_roots == 0 || n_leaves == 0)
    return gonio_import_malformed (error, "it has no nodes, leaves or tree_roots.");
  f->dtype = gonio_tensor_dtype (weights);
  if (f->dtype != GONIO_DTYPE_FLOAT && f->dtype != GONIO_DTYPE_DOUBLE &&
      f->dtype != GONIO_DTYPE_FLOAT16)
    return gonio_import_malformed (error, "leaf_weights are of type %s.",
                                   gonio_dtype_name (f->dtype));
  if (!ints_of (in, "leaf_targetids", n_leaves, TRUE, &targets, error) ||
      !forest_alloc (f, n, n_leaves, n_leaves, n_roots, error) || !read_inner (f, in, error))
    return FALSE;
  for (size_t i = 0; i < n_leaves; i++) {
    f->leaves[i + 1] = (int64_t)i + 1;
    f->targets[i] = targets[i];
    f->weights[i] = gonio_tensor_get_double (weights, (int64_t)i);
  }
  for (size_t i = 0; i < n_roots; i++)
    if (!place_of (f, roots[i], FALSE, &f->roots[i], error))
      return FALSE;
  return check_targets (f, error) && arrange (f, error);
}

/* The result has the type of the weights; half floats are summed as floats. */
static gboolean
tree_ensemble (GonioImportNode *in, GError **error)
{
  static const char *const aggregates[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  int64_t aggregate = gonio_node_attr_int (in->node, "aggregate_function", 1);
  g_auto (Forest) f = {.n_targets = gonio_node_attr_int (in->node, "n_targets", 1)};
  GonioMlTransform transform = GONIO_ML_NONE;

  if (!gonio_import_check_attrs (in, attrs_ensemble, error))
    return FALSE;
  if (aggregate < 0 || aggregate >= (int64_t)G_N_ELEMENTS (aggregates))
    return gonio_import_malformed (error, "aggregate_function is %" G_GINT64_FORMAT ".", aggregate);
  f.aggregate = aggregates[aggregate];
  if (!gonio_ml_transform (in, &transform, error) || !read_forest_5 (&f, in, error))
    return FALSE;
  GonioDType dtype = f.dtype;
  if (dtype == GONIO_DTYPE_FLOAT16)
    f.dtype = GONIO_DTYPE_FLOAT;
  GonioMlOutputs out = gonio_ml_begin (in);
  GonioValueId y = gonio_ml_transformed (in, transform, f.dtype, emit_forest (in, &f));
  gonio_ml_give_as (in, &out, 0, y, dtype);
  gonio_ml_end (in);
  return TRUE;
}

const GonioImportRow gonio_import_ml_trees[] = {
    {"TreeEnsemble", DOMAIN, 5, 0, tree_ensemble},
    {"TreeEnsembleClassifier", DOMAIN, 1, 0, tree_classifier},
    {"TreeEnsembleRegressor", DOMAIN, 1, 0, tree_regressor},
    {0},
};
