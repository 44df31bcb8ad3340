/* Import rows of the operators of com.microsoft on images, most of them with the channels last,
 * and of those that diffusion models are made of. Depends on import.h. */
#include "core/onnx/import.h"

#define DOMAIN "com.microsoft"

/* ---- channels in the last place ---- */

/* What the node makes has its channels first from now on, and is turned for its users. */
static void
turn_output (GonioImportNode *in, int rank)
{
  GonioValueId output = in->node->outputs[0], inner = gonio_import_detour_output (in, "first");

  inner = gonio_import_turn (in, inner, rank, FALSE);
  gonio_import_emit_to (in, GONIO_OP_IDENTITY, "channels_last", &inner, 1, output);
}

static gboolean
image_rank (const GonioImportNode *in, int *out_rank, GError **error)
{
  *out_rank = gonio_import_rank (in, gonio_import_input (in, 0));
  if (!gonio_import_has_output (in, 0))
    return gonio_import_malformed (error, "it has no output.");
  return *out_rank >= 3 ||
         gonio_import_unsupported (error, "its input needs a known rank of 3 or more.");
}

/* The standard operator op between two transpositions; weights are as there. */
static gboolean
turned (GonioImportNode *in, GonioOpId op, GError **error)
{
  const char *mode = gonio_node_attr_string (in->node, "auto_pad", NULL);
  int rank = 0;

  if (!image_rank (in, &rank, error))
    return FALSE;
  if (g_strcmp0 (mode, "NOTSET") == 0)
    gonio_import_drop (in, "auto_pad", GONIO_ATTR_STRING);
  gonio_import_set_input (in, 0, gonio_import_turn (in, gonio_import_input (in, 0), rank, TRUE));
  gonio_graph_set_op (in->graph, in->id, op);
  turn_output (in, rank);
  return TRUE;
}

static gboolean
nhwc_conv (GonioImportNode *in, GError **error)
{
  if (in->node->n_inputs > 3)
    return gonio_import_malformed (error, "it has %u inputs; 2 to 3 are possible.",
                                   in->node->n_inputs);
  return turned (in, GONIO_OP_CONV, error);
}

static gboolean
nhwc_max_pool (GonioImportNode *in, GError **error)
{
  return turned (in, GONIO_OP_MAX_POOL, error);
}

/* As the standard one; with channels last only x and the result are turned. */
static gboolean
qlinear_conv (GonioImportNode *in, GError **error)
{
  gboolean last = gonio_node_attr_int (in->node, "channels_last", 0) != 0;
  const char *mode = gonio_node_attr_string (in->node, "auto_pad", NULL);

  gonio_import_drop (in, "channels_last", GONIO_ATTR_INT);
  if (last)
    return turned (in, GONIO_OP_QLINEAR_CONV, error);
  if (g_strcmp0 (mode, "NOTSET") == 0)
    gonio_import_drop (in, "auto_pad", GONIO_ATTR_STRING);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_QLINEAR_CONV);
  return TRUE;
}

/* ---- GroupNorm, SkipGroupNorm ---- */

static const GonioAttrSchema attrs_group[] = {{"activation", GONIO_ATTR_INT, TRUE},
                                              {"channels_last", GONIO_ATTR_INT, FALSE},
                                              {"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                              {"groups", GONIO_ATTR_INT, TRUE},
                                              {0}};

/* Per channel, in the type of x. */
static GonioValueId
like_input (GonioImportNode *in, GonioValueId value, const char *hint)
{
  return gonio_import_binary (in, GONIO_OP_CAST_LIKE, hint, value, gonio_import_input (in, 0));
}

/* [channels] or [batch,channels] so that it can be added to x. */
static GonioValueId
spread (GonioImportNode *in, GonioValueId value, int rank, gboolean last, const char *hint)
{
  int own = gonio_import_rank (in, value), first = own == 2 && !last ? 2 : 1;
  int64_t axes[GONIO_MAX_RANK] = {0};
  guint n = (guint)rank - 2;

  if (own == rank || (own == 1 && last))
    return value;
  for (guint i = 0; i < n; i++)
    axes[i] = first + (int)i;
  return gonio_import_binary (in, GONIO_OP_UNSQUEEZE, hint, value,
                              gonio_import_const_ints (in, "axes", axes, n));
}

/* Inputs of SkipGroupNorm after gamma and beta: what is added to x, a bias. The sum is output 1. */
static gboolean
sum_before (GonioImportNode *in, int rank, gboolean last, GonioValueId *x, GError **error)
{
  GonioValueId skip = gonio_import_input (in, 3), bias = gonio_import_input (in, 4);
  GonioValueId sum = gonio_import_has_output (in, 1) ? in->node->outputs[1] : GONIO_VALUE_NONE;
  int skip_rank = gonio_import_rank (in, skip);
  const GonioValueId first = in->node->outputs[0];

  if (skip_rank != rank && skip_rank != 2)
    return gonio_import_unsupported (error, "input 3 needs a known rank of 2 or that of input 0.");
  if (bias != GONIO_VALUE_NONE && gonio_import_rank (in, bias) != 1)
    return gonio_import_unsupported (error, "input 4 needs a known rank of 1.");
  *x = gonio_import_binary (in, GONIO_OP_ADD, "sum", *x, spread (in, skip, rank, last, "skip"));
  if (bias != GONIO_VALUE_NONE)
    *x =
        gonio_import_binary (in, GONIO_OP_ADD, "biased", *x, spread (in, bias, rank, last, "bias"));
  gonio_graph_set_outputs (in->graph, in->id, &first, 1);
  if (sum != GONIO_VALUE_NONE)
    gonio_import_emit_to (in, GONIO_OP_IDENTITY, "sum_out", x, 1, sum);
  return TRUE;
}

static gboolean
group_norm (GonioImportNode *in, GError **error)
{
  gboolean skip = g_str_has_prefix (in->op, "Skip");
  int64_t groups = gonio_node_attr_int (in->node, "groups", 0);
  int64_t activation = gonio_node_attr_int (in->node, "activation", 0);
  gboolean last = gonio_node_attr_int (in->node, "channels_last", 1) != 0;
  float epsilon = gonio_node_attr_float (in->node, "epsilon", 1e-5f);
  guint n = in->node->n_inputs;
  int rank = 0;

  if (!gonio_import_check_attrs (in, attrs_group, error) || !image_rank (in, &rank, error))
    return FALSE;
  if (n < (skip ? 4 : 3) || n > (skip ? 5 : 3))
    return gonio_import_malformed (error, "it has %u inputs.", n);
  for (guint i = 0; i < (skip ? 4u : 3u); i++)
    if (in->node->inputs[i] == GONIO_VALUE_NONE)
      return gonio_import_malformed (error, "input %u is missing.", i);
  if (activation != 0 && activation != 1)
    return gonio_import_unsupported (error, "activation %" G_GINT64_FORMAT ".", activation);
  GonioValueId x = gonio_import_input (in, 0);
  if (skip && !sum_before (in, rank, last, &x, error))
    return FALSE;
  const GonioValueId inputs[3] = {last ? gonio_import_turn (in, x, rank, TRUE) : x,
                                  like_input (in, gonio_import_input (in, 1), "gamma"),
                                  like_input (in, gonio_import_input (in, 2), "beta")};
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_GROUP_NORMALIZATION);
  gonio_graph_set_inputs (in->graph, in->id, inputs, 3);
  gonio_graph_set_attr_int (in->graph, in->id, "num_groups", groups);
  gonio_graph_set_attr_float (in->graph, in->id, "epsilon", epsilon);
  if (last)
    turn_output (in, rank);
  if (activation == 1) {
    GonioValueId output = in->node->outputs[0], raw = gonio_import_detour_output (in, "raw");
    gonio_import_emit_to (in, GONIO_OP_SWISH, "swish", &raw, 1, output);
  }
  return TRUE;
}

/* ---- BiasAdd, BiasSplitGelu ---- */

static const GonioAttrSchema attrs_none[] = {{0}};

/* x + bias + skip */
static gboolean
bias_add (GonioImportNode *in, GError **error)
{
  if (!gonio_import_check_attrs (in, attrs_none, error))
    return FALSE;
  if (in->node->n_inputs != 3)
    return gonio_import_malformed (error, "it must have three inputs.");
  gonio_import_become (in, GONIO_OP_ADD,
                       gonio_import_binary (in, GONIO_OP_ADD, "biased", gonio_import_input (in, 0),
                                            gonio_import_input (in, 1)),
                       gonio_import_input (in, 2));
  return TRUE;
}

/* Of x + bias, the first half of the last axis times gelu of the second. */
static gboolean
bias_split_gelu (GonioImportNode *in, GError **error)
{
  GonioValueId halves[2];

  if (!gonio_import_check_attrs (in, attrs_none, error))
    return FALSE;
  if (in->node->n_inputs != 2)
    return gonio_import_malformed (error, "it must have two inputs.");
  const GonioValueId sum = gonio_import_binary (in, GONIO_OP_ADD, "sum", gonio_import_input (in, 0),
                                                gonio_import_input (in, 1));
  for (guint i = 0; i < 2; i++)
    halves[i] = gonio_graph_add_value (in->graph, in->node->name, GONIO_DTYPE_NONE, NULL);
  GonioNodeId split =
      gonio_graph_add_node (in->graph, GONIO_OP_SPLIT, in->node->name, &sum, 1, halves, 2);
  gonio_graph_set_attr_int (in->graph, split, "axis", -1);
  gonio_graph_set_attr_int (in->graph, split, "num_outputs", 2);
  gonio_import_become (in, GONIO_OP_MUL, halves[0],
                       gonio_import_unary (in, GONIO_OP_GELU, "gelu", halves[1]));
  return TRUE;
}

const GonioImportRow gonio_import_contrib_image[] = {
    {"BiasAdd", DOMAIN, 1, 0, bias_add},          {"BiasSplitGelu", DOMAIN, 1, 0, bias_split_gelu},
    {"GroupNorm", DOMAIN, 1, 0, group_norm},      {"NhwcConv", DOMAIN, 1, 0, nhwc_conv},
    {"NhwcMaxPool", DOMAIN, 1, 0, nhwc_max_pool}, {"QLinearConv", DOMAIN, 1, 0, qlinear_conv},
    {"SkipGroupNorm", DOMAIN, 1, 0, group_norm},  {0},
};
