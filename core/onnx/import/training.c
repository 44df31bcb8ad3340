/* Import rows of the optimizers of ai.onnx.preview.training: arithmetic on each tensor to be
 * trained. Inputs: rate, number of updates so far, then all tensors, their gradients and what
 * the optimizer keeps for each; outputs: the new tensors, then what is kept. Depends on
 * import.h. */
#include "core/onnx/import.h"

#define DOMAIN "ai.onnx.preview.training"

/* One of the tensors to be trained and what belongs to it. */
typedef struct {
  GonioValueId x, gradient, kept[2];
  GonioDType dtype;
  GonioValueId rate, count;        /* in the tensor's type */
  GonioValueId new_x, new_kept[2]; /* where the results go; may be omitted */
} Trained;

static GonioValueId
number (GonioImportNode *in, const Trained *t, const char *hint, double value)
{
  return gonio_import_const_scalar (in, hint, t->dtype, value);
}

static GonioValueId
add (GonioImportNode *in, const char *hint, GonioValueId a, GonioValueId b)
{
  return gonio_import_binary (in, GONIO_OP_ADD, hint, a, b);
}

static GonioValueId
mul (GonioImportNode *in, const char *hint, GonioValueId a, GonioValueId b)
{
  return gonio_import_binary (in, GONIO_OP_MUL, hint, a, b);
}

/* The node's attribute as a factor of a. */
static GonioValueId
times (GonioImportNode *in, const Trained *t, const char *hint, double factor, GonioValueId a)
{
  return mul (in, hint, number (in, t, "factor", factor), a);
}

/* The gradient of the loss with the squared norm of the tensor added to it. */
static GonioValueId
regularized (GonioImportNode *in, const Trained *t)
{
  double norm = gonio_node_attr_float (in->node, "norm_coefficient", 0);
  return add (in, "regularized", times (in, t, "norm", norm, t->x), t->gradient);
}

/* Gives the value to an output of the node. */
static void
deliver (GonioImportNode *in, const char *hint, GonioValueId value, GonioValueId output)
{
  if (output != GONIO_VALUE_NONE)
    gonio_import_emit_to (in, GONIO_OP_IDENTITY, hint, &value, 1, output);
}

static void
deliver_step (GonioImportNode *in, const Trained *t, GonioValueId step)
{
  const GonioValueId pair[2] = {t->x, step};
  if (t->new_x != GONIO_VALUE_NONE)
    gonio_import_emit_to (in, GONIO_OP_SUB, "new", pair, 2, t->new_x);
}

/* value once updates have been made, before at the first one. */
static GonioValueId
from_second (GonioImportNode *in, const Trained *t, GonioValueId value, GonioValueId before)
{
  const GonioValueId args[3] = {
      gonio_import_binary (in, GONIO_OP_GREATER, "is_later", t->count, number (in, t, "zero", 0)),
      value, before};
  return gonio_import_emit (in, GONIO_OP_WHERE, "by_count", args, 3, NULL);
}

static void
adagrad (GonioImportNode *in, const Trained *t)
{
  double decay = gonio_node_attr_float (in->node, "decay_factor", 0);
  double epsilon = gonio_node_attr_float (in->node, "epsilon", 0);
  GonioValueId slowed =
      add (in, "slowed", number (in, t, "one", 1), times (in, t, "decay", decay, t->count));
  GonioValueId rate = gonio_import_binary (in, GONIO_OP_DIV, "rate", t->rate, slowed);
  GonioValueId g = regularized (in, t);
  GonioValueId squares = add (in, "squares", t->kept[0], mul (in, "square", g, g));
  GonioValueId root = add (in, "adapted", gonio_import_unary (in, GONIO_OP_SQRT, "root", squares),
                           number (in, t, "epsilon", epsilon));
  deliver (in, "new_squares", squares, t->new_kept[0]);
  deliver_step (in, t,
                gonio_import_binary (in, GONIO_OP_DIV, "step", mul (in, "pace", rate, g), root));
}

/* 1 - factor^count */
static GonioValueId
bias_of (GonioImportNode *in, const Trained *t, double factor)
{
  GonioValueId power =
      gonio_import_binary (in, GONIO_OP_POW, "power", number (in, t, "base", factor), t->count);
  return gonio_import_binary (in, GONIO_OP_SUB, "bias", number (in, t, "one", 1), power);
}

static void
adam (GonioImportNode *in, const Trained *t)
{
  double alpha = gonio_node_attr_float (in->node, "alpha", 0.9f);
  double beta = gonio_node_attr_float (in->node, "beta", 0.999f);
  double epsilon = gonio_node_attr_float (in->node, "epsilon", 0);
  double post = gonio_node_attr_float (in->node, "norm_coefficient_post", 0);
  GonioValueId g = regularized (in, t);
  GonioValueId mean = add (in, "mean", times (in, t, "old_mean", alpha, t->kept[0]),
                           times (in, t, "new_mean", 1 - alpha, g));
  GonioValueId squares = add (in, "squares", times (in, t, "old_squares", beta, t->kept[1]),
                              times (in, t, "new_square", 1 - beta, mul (in, "square", g, g)));
  GonioValueId root = add (in, "adapted", gonio_import_unary (in, GONIO_OP_SQRT, "root", squares),
                           number (in, t, "epsilon", epsilon));
  GonioValueId spread = gonio_import_unary (in, GONIO_OP_SQRT, "spread", bias_of (in, t, beta));
  GonioValueId corrected = gonio_import_binary (
      in, GONIO_OP_DIV, "corrected", mul (in, "pace", t->rate, spread), bias_of (in, t, alpha));
  GonioValueId rate = from_second (in, t, corrected, t->rate);
  GonioValueId step =
      gonio_import_binary (in, GONIO_OP_DIV, "step", mul (in, "way", rate, mean), root);

  deliver (in, "next_mean", mean, t->new_kept[0]);
  deliver (in, "next_squares", squares, t->new_kept[1]);
  if (post == 0)
    deliver_step (in, t, step);
  else
    deliver (in, "new",
             times (in, t, "shrunk", 1 - post,
                    gonio_import_binary (in, GONIO_OP_SUB, "moved", t->x, step)),
             t->new_x);
}

static void
momentum (GonioImportNode *in, const Trained *t)
{
  double alpha = gonio_node_attr_float (in->node, "alpha", 0);
  double beta = gonio_node_attr_float (in->node, "beta", 0);
  gboolean nesterov =
      g_str_equal (gonio_node_attr_string (in->node, "mode", "standard"), "nesterov");
  GonioValueId g = regularized (in, t);
  GonioValueId share = from_second (in, t, number (in, t, "beta", beta), number (in, t, "all", 1));
  GonioValueId pace = add (in, "pace", times (in, t, "old_pace", alpha, t->kept[0]),
                           mul (in, "new_pace", share, g));
  GonioValueId way = nesterov ? add (in, "ahead", g, times (in, t, "next", alpha, pace)) : pace;

  deliver (in, "next_pace", pace, t->new_kept[0]);
  deliver_step (in, t, mul (in, "step", t->rate, way));
}

static const GonioAttrSchema attrs_adagrad[] = {{"decay_factor", GONIO_ATTR_FLOAT, FALSE},
                                                {"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                                {"norm_coefficient", GONIO_ATTR_FLOAT, FALSE},
                                                {0}};
static const GonioAttrSchema attrs_adam[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE},
                                             {"beta", GONIO_ATTR_FLOAT, FALSE},
                                             {"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                             {"norm_coefficient", GONIO_ATTR_FLOAT, FALSE},
                                             {"norm_coefficient_post", GONIO_ATTR_FLOAT, FALSE},
                                             {0}};
static const GonioAttrSchema attrs_momentum[] = {{"alpha", GONIO_ATTR_FLOAT, TRUE},
                                                 {"beta", GONIO_ATTR_FLOAT, TRUE},
                                                 {"mode", GONIO_ATTR_STRING, TRUE},
                                                 {"norm_coefficient", GONIO_ATTR_FLOAT, TRUE},
                                                 {0}};

typedef struct {
  const char *name;
  guint n_kept;
  const GonioAttrSchema *attrs;
  void (*emit) (GonioImportNode *in, const Trained *t);
} Optimizer;

static const Optimizer optimizers[] = {{"Adagrad", 1, attrs_adagrad, adagrad},
                                       {"Adam", 2, attrs_adam, adam},
                                       {"Momentum", 1, attrs_momentum, momentum}};

static GonioValueId
output_at (const GonioValueId *outputs, guint n_outputs, guint i)
{
  return i < n_outputs ? outputs[i] : GONIO_VALUE_NONE;
}

static gboolean
emit_all (GonioImportNode *in, const Optimizer *o, guint n, GError **error)
{
  guint n_outputs = in->node->n_outputs;
  g_autofree GonioValueId *outputs =
      g_memdup2 (in->node->outputs, n_outputs * sizeof (GonioValueId));
  const GonioValueId rate = gonio_import_input (in, 0), count = gonio_import_input (in, 1);

  gonio_graph_set_outputs (in->graph, in->id, NULL, 0);
  for (guint i = 0; i < n; i++) {
    Trained t = {.x = gonio_import_input (in, 2 + i),
                 .gradient = gonio_import_input (in, 2 + n + i)};
    t.dtype = gonio_import_dtype (in, t.x);
    if (t.dtype != GONIO_DTYPE_FLOAT && t.dtype != GONIO_DTYPE_DOUBLE)
      return gonio_import_unsupported (error, "tensor %u must be float or double.", i);
    t.new_x = output_at (outputs, n_outputs, i);
    for (guint k = 0; k < o->n_kept; k++) {
      t.kept[k] = gonio_import_input (in, 2 + (2 + k) * n + i);
      t.new_kept[k] = output_at (outputs, n_outputs, (1 + k) * n + i);
    }
    t.rate = gonio_import_binary (in, GONIO_OP_CAST_LIKE, "typed_rate", rate, t.x);
    t.count = gonio_import_binary (in, GONIO_OP_CAST_LIKE, "typed_count", count, t.x);
    o->emit (in, &t);
  }
  gonio_graph_remove_node (in->graph, in->id);
  return TRUE;
}

static gboolean
optimizer (GonioImportNode *in, GError **error)
{
  const Optimizer *o = optimizers;

  while (!g_str_equal (o->name, in->op))
    o++;
  if (!gonio_import_check_attrs (in, o->attrs, error))
    return FALSE;
  guint groups = 2 + o->n_kept, n = in->node->n_inputs;
  if (n < 2 + groups || (n - 2) % groups != 0)
    return gonio_import_malformed (error, "%u inputs are not two and %u for each tensor.", n,
                                   groups);
  n = (n - 2) / groups;
  if (in->node->n_outputs != n * (1 + o->n_kept))
    return gonio_import_malformed (error, "it has %u outputs; %u are needed.", in->node->n_outputs,
                                   n * (1 + o->n_kept));
  for (guint i = 0; i < in->node->n_inputs; i++) {
    if (in->node->inputs[i] == GONIO_VALUE_NONE)
      return gonio_import_malformed (error, "input %u is missing.", i);
  }
  const char *mode = gonio_node_attr_string (in->node, "mode", "standard");
  if (!g_str_equal (mode, "standard") && !g_str_equal (mode, "nesterov"))
    return gonio_import_malformed (error, "mode is “%s”.", mode);
  return emit_all (in, o, n, error);
}

const GonioImportRow gonio_import_training[] = {
    {"Adagrad", DOMAIN, 1, 0, optimizer},
    {"Adam", DOMAIN, 1, 0, optimizer},
    {"Momentum", DOMAIN, 1, 0, optimizer},
    {0},
};
