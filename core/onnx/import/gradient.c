/* Import row of ai.onnx.preview.training Gradient: the derivative becomes nodes of the graph, by
 * going back from y through the chain rule. What is differentiated are the nodes themselves, so
 * the operator's inputs must be the very tensors that it names. Depends on import.h. */
#include "core/onnx/import.h"

/* Derivatives of derivatives grow threefold each time, and each walks the whole graph. */
#define MAX_NODES 5000

/* The gradients found so far. */
typedef struct {
  GonioImportNode *in;
  GHashTable *gradients; /* value id -> value id */
  GHashTable *wanted;    /* value ids that depend on the tensors to differentiate by */
} Walk;

/* One node on the way back. */
typedef struct {
  Walk *walk;
  GonioImportNode *in;
  const GonioNode *node;
  GonioValueId y, g; /* its result and the gradient of that */
  const GonioValueId *x;
} Step;

static gboolean
is_wanted (const Walk *w, GonioValueId value)
{
  return value != GONIO_VALUE_NONE && g_hash_table_contains (w->wanted, GUINT_TO_POINTER (value));
}

static GonioValueId
op1 (const Step *s, GonioOpId op, const char *hint, GonioValueId a)
{
  return gonio_import_unary (s->in, op, hint, a);
}

static GonioValueId
op2 (const Step *s, GonioOpId op, const char *hint, GonioValueId a, GonioValueId b)
{
  return gonio_import_binary (s->in, op, hint, a, b);
}

static GonioValueId
number (const Step *s, double value)
{
  return gonio_import_const_scalar (s->in, "number", gonio_import_dtype (s->in, s->y), value);
}

static GonioValueId
shape_of (GonioImportNode *in, GonioValueId x)
{
  return gonio_import_unary (in, GONIO_OP_SHAPE, "shape", x);
}

/* Adds a contribution to the gradient of input i. */
static void
contribute (const Step *s, guint i, GonioValueId g)
{
  gpointer key = GUINT_TO_POINTER (s->x[i]), known = NULL;

  if (g_hash_table_lookup_extended (s->walk->gradients, key, NULL, &known))
    g = op2 (s, GONIO_OP_ADD, "sum", GPOINTER_TO_UINT (known), g);
  g_hash_table_insert (s->walk->gradients, key, GUINT_TO_POINTER (g));
}

/* The same where input i was broadcast: the gradient is summed over what it was spread to. */
static gboolean
contribute_summed (const Step *s, guint i, GonioValueId g, GError **error)
{
  const GonioSymShape *from = &gonio_graph_value (s->in->graph, s->x[i])->shape;
  const GonioSymShape *to = &gonio_graph_value (s->in->graph, s->y)->shape;
  int64_t axes[GONIO_MAX_RANK] = {0};
  guint n = 0;

  if (!from->has_rank || !to->has_rank)
    return gonio_import_unsupported (error, "“%s” has no known rank.", s->node->name);
  for (int d = 0; d < to->rank; d++) {
    int own = d - (to->rank - from->rank);
    if (own >= 0 && gonio_dim_equal (from->dims[own], to->dims[d]))
      continue;
    if (own >= 0 && from->dims[own].value != 1)
      return gonio_import_unsupported (error, "“%s” has no known shape.", s->node->name);
    axes[n++] = d;
  }
  if (n > 0) {
    g = op2 (s, GONIO_OP_REDUCE_SUM, "reduced", g,
             gonio_import_const_ints (s->in, "axes", axes, n));
    g = op2 (s, GONIO_OP_RESHAPE, "shaped", g, shape_of (s->in, s->x[i]));
  }
  contribute (s, i, g);
  return TRUE;
}

/* ---- the rules ---- */

static gboolean
d_add (const Step *s, GError **error)
{
  for (guint i = 0; i < 2; i++) {
    if (is_wanted (s->walk, s->x[i]) &&
        !contribute_summed (
            s, i,
            i == 1 && s->node->op == GONIO_OP_SUB ? op1 (s, GONIO_OP_NEG, "negative", s->g) : s->g,
            error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
d_mul (const Step *s, GError **error)
{
  for (guint i = 0; i < 2; i++) {
    if (is_wanted (s->walk, s->x[i]) &&
        !contribute_summed (s, i, op2 (s, GONIO_OP_MUL, "part", s->g, s->x[1 - i]), error))
      return FALSE;
  }
  return TRUE;
}

/* g / b and -g y / b */
static gboolean
d_div (const Step *s, GError **error)
{
  GonioValueId part = op2 (s, GONIO_OP_DIV, "part", s->g, s->x[1]);

  if (is_wanted (s->walk, s->x[0]) && !contribute_summed (s, 0, part, error))
    return FALSE;
  if (!is_wanted (s->walk, s->x[1]))
    return TRUE;
  part = op1 (s, GONIO_OP_NEG, "negative", op2 (s, GONIO_OP_MUL, "product", part, s->y));
  return contribute_summed (s, 1, part, error);
}

static gboolean
d_unary (const Step *s, GError **error)
{
  GonioValueId g = s->g, y = s->y;

  switch (s->node->op) {
  case GONIO_OP_IDENTITY:
    break;
  case GONIO_OP_FLATTEN:
  case GONIO_OP_RESHAPE:
  case GONIO_OP_SQUEEZE:
  case GONIO_OP_UNSQUEEZE:
    g = op2 (s, GONIO_OP_RESHAPE, "shaped", g, shape_of (s->in, s->x[0]));
    break;
  case GONIO_OP_NEG:
    g = op1 (s, GONIO_OP_NEG, "negative", g);
    break;
  case GONIO_OP_EXP:
    g = op2 (s, GONIO_OP_MUL, "part", g, y);
    break;
  case GONIO_OP_LOG:
    g = op2 (s, GONIO_OP_DIV, "part", g, s->x[0]);
    break;
  case GONIO_OP_SQRT:
    g = op2 (s, GONIO_OP_DIV, "part", op2 (s, GONIO_OP_MUL, "half", g, number (s, 0.5)), y);
    break;
  case GONIO_OP_TANH:
    y = op2 (s, GONIO_OP_SUB, "slope", number (s, 1), op2 (s, GONIO_OP_MUL, "square", y, y));
    g = op2 (s, GONIO_OP_MUL, "part", g, y);
    break;
  case GONIO_OP_SIGMOID:
    y = op2 (s, GONIO_OP_MUL, "slope", y, op2 (s, GONIO_OP_SUB, "rest", number (s, 1), y));
    g = op2 (s, GONIO_OP_MUL, "part", g, y);
    break;
  default: /* Relu: the sign of its result is 0 or 1 */
    g = op2 (s, GONIO_OP_MUL, "part", g, op1 (s, GONIO_OP_SIGN, "slope", y));
  }
  contribute (s, 0, g);
  return TRUE;
}

/* Matrices only: g b' and a' g. */
static gboolean
d_matmul (const Step *s, GError **error)
{
  for (guint i = 0; i < 2; i++) {
    if (gonio_import_rank (s->in, s->x[i]) != 2)
      return gonio_import_unsupported (error, "“%s” is no product of two matrices.", s->node->name);
  }
  if (is_wanted (s->walk, s->x[0]))
    contribute (
        s, 0,
        op2 (s, GONIO_OP_MATMUL, "left", s->g, op1 (s, GONIO_OP_TRANSPOSE, "turned", s->x[1])));
  if (is_wanted (s->walk, s->x[1]))
    contribute (
        s, 1,
        op2 (s, GONIO_OP_MATMUL, "right", op1 (s, GONIO_OP_TRANSPOSE, "turned", s->x[0]), s->g));
  return TRUE;
}

/* All elements to one. */
static gboolean
d_sum (const Step *s, GError **error)
{
  const int64_t one = 1;
  const GonioSymShape *from = &gonio_graph_value (s->in->graph, s->x[0])->shape;
  const GonioSymShape *to = &gonio_graph_value (s->in->graph, s->y)->shape;
  GonioShape shape = GONIO_SHAPE_SCALAR;
  int64_t count = 0;

  if (!gonio_sym_shape_known (to, &shape) || !gonio_shape_count (&shape, &count) || count != 1 ||
      !gonio_sym_shape_known (from, &shape) || !gonio_shape_count (&shape, &count) || count < 1)
    return gonio_import_unsupported (error, "“%s” does not reduce a known shape to one element.",
                                     s->node->name);
  GonioValueId g =
      op2 (s, GONIO_OP_RESHAPE, "flat", s->g, gonio_import_const_ints (s->in, "one", &one, 1));
  if (s->node->op == GONIO_OP_REDUCE_MEAN)
    g = op2 (s, GONIO_OP_DIV, "share", g, number (s, (double)count));
  contribute (s, 0, op2 (s, GONIO_OP_EXPAND, "spread", g, shape_of (s->in, s->x[0])));
  return TRUE;
}

static const struct {
  GonioOpId op;
  gboolean (*rule) (const Step *s, GError **error);
} rules[] = {
    {GONIO_OP_ADD, d_add},         {GONIO_OP_SUB, d_add},         {GONIO_OP_MUL, d_mul},
    {GONIO_OP_DIV, d_div},         {GONIO_OP_IDENTITY, d_unary},  {GONIO_OP_NEG, d_unary},
    {GONIO_OP_EXP, d_unary},       {GONIO_OP_LOG, d_unary},       {GONIO_OP_SQRT, d_unary},
    {GONIO_OP_TANH, d_unary},      {GONIO_OP_SIGMOID, d_unary},   {GONIO_OP_RELU, d_unary},
    {GONIO_OP_MATMUL, d_matmul},   {GONIO_OP_FLATTEN, d_unary},   {GONIO_OP_RESHAPE, d_unary},
    {GONIO_OP_SQUEEZE, d_unary},   {GONIO_OP_UNSQUEEZE, d_unary}, {GONIO_OP_REDUCE_SUM, d_sum},
    {GONIO_OP_REDUCE_MEAN, d_sum},
};

static gboolean
no_rule (const GonioNode *node, GError **error)
{
  return gonio_import_unsupported (error, "there is no derivative for “%s” (%s).", node->name,
                                   gonio_op_name (node->op));
}

static gboolean
step_back (Walk *w, GonioNodeId id, GError **error)
{
  const GonioNode *node = gonio_graph_node (w->in->graph, id);
  gpointer g = NULL;

  for (guint i = 1; i < node->n_outputs; i++) {
    if (is_wanted (w, node->outputs[i]) &&
        g_hash_table_contains (w->gradients, GUINT_TO_POINTER (node->outputs[i])))
      return no_rule (node, error);
  }
  if (node->n_outputs < 1 || !is_wanted (w, node->outputs[0]) ||
      !g_hash_table_lookup_extended (w->gradients, GUINT_TO_POINTER (node->outputs[0]), NULL, &g))
    return TRUE;
  /* The rules rely on inputs that nobody has counted yet: the whole graph is checked later. */
  g_autoptr (GError) broken = NULL;
  if (!gonio_op_check_node (w->in->graph, id, &broken))
    return gonio_import_malformed (error, "%s", broken->message);
  Step s = {w, w->in, node, node->outputs[0], GPOINTER_TO_UINT (g), node->inputs};
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    if (rules[i].op == node->op && !gonio_node_attr (node, "activation"))
      return rules[i].rule (&s, error);
  }
  return no_rule (node, error);
}

/* ---- the operator ---- */

/* The named tensors, which must be inputs first, first + 1, ... */
static gboolean
check_names (const GonioImportNode *in, const char *what, guint *first, GError **error)
{
  const GonioAttr *attr = gonio_node_attr (in->node, what);

  for (size_t i = 0; attr && attr->type == GONIO_ATTR_STRINGS && i < attr->count; i++, ++*first) {
    GonioValueId named = gonio_graph_find_value (in->graph, attr->strings[i]);
    if (named == GONIO_VALUE_NONE || named != gonio_import_input (in, *first))
      return gonio_import_unsupported (error, "input %u is not the tensor “%s” that %s names.",
                                       *first, attr->strings[i], what);
  }
  return TRUE;
}

/* Does a graph inside the node read something that is wanted? */
static gboolean
captures_wanted (const Walk *w, const GonioNode *node)
{
  for (guint a = 0; a < node->n_attrs; a++) {
    guint n = 0;
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    const GonioCapture *captures = gonio_graph_captures (node->attrs[a].graph, &n);
    for (guint i = 0; i < n; i++) {
      if (is_wanted (w, captures[i].outer))
        return TRUE;
    }
  }
  return FALSE;
}

/* Everything that y is made of must be there already: made by nodes, inputs of the graph, or
 * constants. */
static gboolean
check_ancestors (const GonioImportNode *in, GonioValueId y, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) open = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  guint n_inputs = 0;
  const GonioValueId *inputs = gonio_graph_inputs (in->graph, &n_inputs);

  for (guint i = 0; i < n_inputs; i++)
    g_hash_table_add (seen, GUINT_TO_POINTER (inputs[i]));
  for (guint i = 0; i < in->node->n_inputs; i++)
    g_hash_table_add (seen, GUINT_TO_POINTER (in->node->inputs[i]));
  g_array_append_val (open, y);
  while (open->len > 0) {
    GonioValueId id = g_array_index (open, GonioValueId, open->len - 1);
    g_array_set_size (open, open->len - 1);
    if (id == GONIO_VALUE_NONE || !g_hash_table_add (seen, GUINT_TO_POINTER (id)))
      continue;
    const GonioValue *value = gonio_graph_value (in->graph, id);
    if (value->constant)
      continue;
    if (value->producer == GONIO_NODE_NONE || value->producer == in->id)
      return gonio_import_unsupported (error, "“%s” is not computed before it in this graph.",
                                       value->name);
    const GonioNode *node = gonio_graph_node (in->graph, value->producer);
    g_array_append_vals (open, node->inputs, node->n_inputs);
  }
  return TRUE;
}

/* Marks what depends on the first n inputs, in order; nothing beyond an input depends on what is
 * before it. */
static void
mark_wanted (Walk *w, guint n, const GonioNodeId *order, guint n_nodes)
{
  g_autoptr (GHashTable) given = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < w->in->node->n_inputs; i++)
    g_hash_table_add (given, GUINT_TO_POINTER (w->in->node->inputs[i]));
  for (guint i = 0; i < n; i++)
    g_hash_table_add (w->wanted, GUINT_TO_POINTER (w->in->node->inputs[i]));
  for (guint k = 0; k < n_nodes; k++) {
    const GonioNode *node = gonio_graph_node (w->in->graph, order[k]);
    gboolean depends = captures_wanted (w, node);
    if (node->op == GONIO_OP_SHAPE || node->op == GONIO_OP_SIZE)
      continue; /* numbers do not change shapes */
    for (guint i = 0; i < node->n_inputs && order[k] != w->in->id; i++)
      depends |= is_wanted (w, node->inputs[i]);
    for (guint i = 0; depends && i < node->n_outputs; i++) {
      if (!g_hash_table_contains (given, GUINT_TO_POINTER (node->outputs[i])))
        g_hash_table_add (w->wanted, GUINT_TO_POINTER (node->outputs[i]));
    }
  }
}

/* A tensor like x filled with a number. */
static GonioValueId
filled_like (GonioImportNode *in, GonioValueId x, double value, const char *hint)
{
  GonioDType dtype = gonio_import_dtype (in, x);
  GonioValueId one = gonio_import_const_scalar (in, "fill", dtype, value);
  return gonio_import_binary (in, GONIO_OP_EXPAND, hint, one, shape_of (in, x));
}

/* Goes back from y and gives each output its gradient. */
static gboolean
differentiate (Walk *w, GonioValueId y, guint n, const GonioNodeId *order, guint n_nodes,
               GError **error)
{
  GonioImportNode *in = w->in;
  g_autofree GonioValueId *outputs =
      g_memdup2 (in->node->outputs, in->node->n_outputs * sizeof (GonioValueId));
  guint n_outputs = in->node->n_outputs;

  g_hash_table_insert (w->gradients, GUINT_TO_POINTER (y),
                       GUINT_TO_POINTER (filled_like (in, y, 1, "seed")));
  for (guint k = n_nodes; k-- > 0;) {
    if (order[k] != in->id && !step_back (w, order[k], error))
      return FALSE;
  }
  gonio_graph_set_outputs (in->graph, in->id, NULL, 0);
  for (guint i = 0; i < n && i < n_outputs; i++) {
    GonioValueId x = in->node->inputs[i];
    gpointer g = NULL;
    if (outputs[i] == GONIO_VALUE_NONE)
      continue;
    if (!g_hash_table_lookup_extended (w->gradients, GUINT_TO_POINTER (x), NULL, &g))
      g = GUINT_TO_POINTER (filled_like (in, x, 0, "zero"));
    const GonioValueId value = GPOINTER_TO_UINT (g);
    gonio_import_emit_to (in, GONIO_OP_IDENTITY, "gradient", &value, 1, outputs[i]);
  }
  gonio_graph_remove_node (in->graph, in->id);
  return TRUE;
}

static const GonioAttrSchema attrs_gradient[] = {{"xs", GONIO_ATTR_STRINGS, TRUE},
                                                 {"y", GONIO_ATTR_STRING, TRUE},
                                                 {"zs", GONIO_ATTR_STRINGS, FALSE},
                                                 {0}};

static gboolean
gradient (GonioImportNode *in, GError **error)
{
  const char *name = gonio_node_attr_string (in->node, "y", NULL);
  GonioValueId y = name ? gonio_graph_find_value (in->graph, name) : GONIO_VALUE_NONE;
  g_autoptr (GHashTable) gradients = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) wanted = g_hash_table_new (NULL, NULL);
  Walk w = {in, gradients, wanted};
  GonioShape shape = GONIO_SHAPE_SCALAR;
  int64_t count = 0;
  guint n = 0, n_inputs = 0, n_nodes = 0;

  if (!gonio_import_check_attrs (in, attrs_gradient, error))
    return FALSE;
  if (y == GONIO_VALUE_NONE)
    return gonio_import_unsupported (error, "y is no tensor of this graph.");
  if (!check_names (in, "xs", &n, error))
    return FALSE;
  n_inputs = n;
  if (!check_names (in, "zs", &n_inputs, error))
    return FALSE;
  if (n == 0 || n_inputs != in->node->n_inputs)
    return gonio_import_malformed (error, "its inputs are not those that xs and zs name.");
  const GonioValue *target = gonio_graph_value (in->graph, y);
  if (!gonio_sym_shape_known (&target->shape, &shape) || !gonio_shape_count (&shape, &count) ||
      count != 1 || !gonio_dtype_is_float (target->dtype))
    return gonio_import_unsupported (error, "y must be known to be one real number.");
  if (gonio_graph_n_nodes (in->graph) > MAX_NODES)
    return gonio_import_unsupported (error, "more than %d nodes are not differentiated.",
                                     MAX_NODES);
  if (!check_ancestors (in, y, error))
    return FALSE;
  const GonioNodeId *order = gonio_graph_order (in->graph, &n_nodes);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n_nodes * sizeof *order);
  mark_wanted (&w, n, nodes, n_nodes);
  return differentiate (&w, y, n, nodes, n_nodes, error);
}

const GonioImportRow gonio_import_gradient[] = {
    {"Gradient", "ai.onnx.preview.training", 1, 0, gradient},
    {0},
};
