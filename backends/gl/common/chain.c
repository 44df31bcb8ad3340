/* Runs of elementwise nodes as one step each: every operand is read once, and what lies between two
 * nodes is never stored. Depends on elementwise. */
#include "backends/gl/common/elementwise.h"

#include <math.h>
#include <string.h>

#define MOST_STAGES 16

/* ---- which nodes go together ---- */

/* What a run of nodes needs of its program. */
typedef struct {
  guint floats, operands, broadcast, stages;
} Needs;

typedef struct {
  GArray *nodes; /* GonioNodeId */
  Needs needs;
} Run;

static gboolean
is_number (const GonioValue *value)
{
  return value->constant && gonio_tensor_count (value->constant) == 1;
}

/* Inputs that are operands; the others are settings. */
static guint
count_operands (const GonioNode *node, const char *text)
{
  return strstr (text, "$b") && node->op != GONIO_OP_BATCH_NORMALIZATION ? node->n_inputs : 1;
}

static guint
count_numbers (const char *text)
{
  return text ? (strstr (text, "$0") != NULL) + (strstr (text, "$1") != NULL) : 0;
}

/* Of a node by itself; running: what it takes from the node before, or GONIO_VALUE_NONE. */
static Needs
needs_of (const GonioGraph *graph, const GonioNode *node, GonioValueId running)
{
  GonioGlExpression expression = gonio_gl_expression (graph, node);
  GonioGlExpression activation = gonio_gl_activation_expression (node);
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  guint n = count_operands (node, expression.text);
  Needs needs = {.stages = MAX (n, 2)};
  needs.floats = count_numbers (expression.text) + count_numbers (expression.finish) +
                 count_numbers (activation.text);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_gl_in (graph, node, i);
    GonioShape shape = gonio_gl_shape (value);
    if (node->inputs[i] == running)
      continue;
    needs.floats += is_number (value);
    needs.operands += !is_number (value);
    needs.broadcast += !is_number (value) && !gonio_shape_equal (&shape, &out);
  }
  if (node->op == GONIO_OP_BATCH_NORMALIZATION) {
    needs.operands += 2;
    needs.broadcast += 2;
  }
  return needs;
}

static gboolean
fits (const Needs *a, const Needs *b)
{
  return a->floats + b->floats <= GONIO_GL_FLOATS &&
         a->operands + b->operands <= GONIO_GL_CHAIN_OPERANDS &&
         a->broadcast + b->broadcast <= GONIO_GL_CHAIN_BROADCAST &&
         a->stages + b->stages <= MOST_STAGES;
}

static void
add_needs (Needs *a, const Needs *b)
{
  a->floats += b->floats;
  a->operands += b->operands;
  a->broadcast += b->broadcast;
  a->stages += b->stages;
}

static gboolean
is_output (const GonioRegion *region, GonioValueId id)
{
  for (guint i = 0; i < region->n_outputs; i++)
    if (region->outputs[i] == id)
      return TRUE;
  return FALSE;
}

/* Does nobody but the node read the value, and is it as large as what the node makes? */
static gboolean
continues (const GonioRegion *region, GonioNodeId id, GonioValueId value)
{
  const GonioNode *node = gonio_graph_node (region->graph, id);
  GonioShape in = gonio_gl_shape (gonio_graph_value (region->graph, value));
  GonioShape out = gonio_gl_shape (gonio_gl_out (region->graph, node, 0));
  guint n_users;
  const GonioNodeId *users = gonio_graph_users (region->graph, value, &n_users);
  for (guint i = 0; i < n_users; i++)
    if (users[i] != id)
      return FALSE;
  return !is_output (region, value) && gonio_shape_equal (&in, &out);
}

static gboolean
is_elementwise (const GonioNode *node)
{
  return gonio_gl_op (node->op)->lower == gonio_gl_chain_lower;
}

static void
run_free (gpointer data)
{
  Run *run = data;
  g_array_unref (run->nodes);
  g_free (run);
}

/* The run that the node at position k joins, taken out of the place where it ended so far; or a new
 * one. ends: value id + 1 -> position + 1 of the run's last node. */
static Run *
find_run (const GonioRegion *region, guint k, GPtrArray *runs, GHashTable *ends)
{
  GonioNodeId id = region->nodes[k];
  const GonioNode *node = gonio_graph_node (region->graph, id);
  Run *run = NULL;
  if (is_elementwise (node)) {
    guint n = count_operands (node, gonio_gl_expression (region->graph, node).text);
    for (guint i = 0; i < n && !run; i++) {
      GonioValueId value = node->inputs[i];
      guint at = GPOINTER_TO_UINT (g_hash_table_lookup (ends, GUINT_TO_POINTER (value + 1)));
      Needs needs = needs_of (region->graph, node, value);
      if (at == 0 || !continues (region, id, value) ||
          !fits (&((Run *)runs->pdata[at - 1])->needs, &needs))
        continue;
      run = g_steal_pointer (&runs->pdata[at - 1]);
      add_needs (&run->needs, &needs);
    }
    if (!run) {
      run = g_new0 (Run, 1);
      run->needs = needs_of (region->graph, node, GONIO_VALUE_NONE);
    }
    g_hash_table_insert (ends, GUINT_TO_POINTER (node->outputs[0] + 1), GUINT_TO_POINTER (k + 1));
  } else {
    run = g_new0 (Run, 1);
  }
  if (!run->nodes)
    run->nodes = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  g_array_append_val (run->nodes, id);
  return run;
}

GPtrArray *
gonio_gl_chains (const GonioRegion *region)
{
  g_autoptr (GPtrArray) runs = g_ptr_array_new ();
  g_autoptr (GHashTable) ends = g_hash_table_new (NULL, NULL);
  GPtrArray *chains = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  for (guint k = 0; k < region->n_nodes; k++)
    g_ptr_array_add (runs, find_run (region, k, runs, ends));
  for (guint k = 0; k < region->n_nodes; k++) {
    Run *run = runs->pdata[k];
    g_ptr_array_add (chains, run ? g_array_ref (run->nodes)
                                 : g_array_new (FALSE, FALSE, sizeof (GonioNodeId)));
    if (run)
      run_free (run);
  }
  return chains;
}

/* ---- operands ---- */

/* How a broadcast operand is read. */
typedef enum {
  READ_PLAIN, /* steps are in elements */
  READ_IMAGE, /* steps are in texels */
  READ_LANE0  /* too, the first lane standing for all channels */
} Reading;

typedef struct {
  guint input; /* of the step */
  Reading reading;
  gint64 steps[GONIO_MAX_RANK]; /* along the axes of the result */
  gint64 lane, last;
} Broadcast;

typedef struct {
  GonioGlLower *lower; /* its node is the one that is being written */
  GonioGlStep step;
  GonioShape out;
  gboolean image;
  gint64 sizes[GONIO_MAX_RANK]; /* of the result's axes; in image form texels of channels */
  int n_axes;
  Broadcast broadcast[GONIO_GL_CHAIN_BROADCAST];
  guint n_broadcast, n_floats;
  GString *stages;
} Chain;

/* Its place among the step's inputs. */
static guint
add_input (Chain *chain, GonioGlSlot slot)
{
  for (guint i = 0; i < chain->step.n_inputs; i++)
    if (chain->step.inputs[i] == slot)
      return i;
  chain->step.inputs[chain->step.n_inputs] = slot;
  return chain->step.n_inputs++;
}

static guint
add_number (Chain *chain, float number)
{
  chain->step.floats[chain->n_floats] = number;
  return chain->n_floats++;
}

/* Steps of an operand along the axes of the result, 0 where it has one element for all. */
static void
find_steps (const Chain *chain, const GonioShape *shape, Broadcast *b)
{
  gint64 step = 1;
  for (int d = chain->out.rank - 1; d >= 0; d--) {
    int own = d - (chain->out.rank - shape->rank);
    gint64 size = own < 0 ? 1 : shape->dims[own];
    if (b->reading != READ_PLAIN && own == 1)
      size = (size + 3) / 4;
    b->steps[d] = own < 0 || shape->dims[own] == 1 ? 0 : step;
    step *= size;
  }
  if (b->reading == READ_PLAIN) {
    b->last = step - 1;
    if (chain->image) {
      b->lane = b->steps[1];
      b->steps[1] *= 4;
    }
  }
}

static char *
add_broadcast (Chain *chain, const GonioShape *shape, GonioGlSlot slot, Reading reading)
{
  Broadcast *b = &chain->broadcast[chain->n_broadcast];
  b->input = add_input (chain, slot);
  b->reading = reading;
  find_steps (chain, shape, b);
  return g_strdup_printf ("o%u (i)", chain->n_broadcast++);
}

/* What stands for operand i of the node, to be freed; NULL with error. */
static char *
operand_text (Chain *chain, guint i, GonioValueId running, GError **error)
{
  GonioGlLower *lower = chain->lower;
  const GonioValue *value = gonio_gl_in (lower->graph, lower->node, i);
  GonioShape shape = gonio_gl_shape (value);
  GonioGlForm form = chain->image ? GONIO_GL_IMAGE : GONIO_GL_PLAIN;
  GonioGlSlot slot;
  if (lower->node->inputs[i] == running)
    return g_strdup ("v");
  if (is_number (value))
    return g_strdup_printf (
        "vec4 (f[%u])", add_number (chain, *(const float *)gonio_tensor_data (value->constant)));
  if (gonio_shape_equal (&shape, &chain->out))
    return gonio_gl_read (lower, i, form, &slot, error)
               ? g_strdup_printf ("in%u (i)", add_input (chain, slot))
               : NULL;
  Reading reading = READ_PLAIN;
  if (chain->image && shape.rank == chain->out.rank && gonio_gl_has (lower, i, GONIO_GL_IMAGE))
    reading = shape.dims[1] == chain->out.dims[1] ? READ_IMAGE
              : shape.dims[1] == 1                ? READ_LANE0
                                                  : READ_PLAIN;
  form = reading == READ_PLAIN ? GONIO_GL_PLAIN : GONIO_GL_IMAGE;
  return gonio_gl_read (lower, i, form, &slot, error) ? add_broadcast (chain, &shape, slot, reading)
                                                      : NULL;
}

/* ---- axes ---- */

/* Axes that all operands step over as over one become one. */
static void
merge_axes (Chain *chain)
{
  int n = 0;
  for (int d = 0; d < chain->n_axes; d++) {
    gboolean merges = n > 0;
    if (chain->sizes[d] == 1)
      continue;
    for (guint k = 0; k < chain->n_broadcast && merges; k++)
      merges = chain->broadcast[k].steps[n - 1] == chain->broadcast[k].steps[d] * chain->sizes[d];
    n += !merges;
    chain->sizes[n - 1] = merges ? chain->sizes[n - 1] * chain->sizes[d] : chain->sizes[d];
    for (guint k = 0; k < chain->n_broadcast; k++)
      chain->broadcast[k].steps[n - 1] = chain->broadcast[k].steps[d];
  }
  if (n == 0) { /* a single element */
    chain->sizes[n++] = 1;
    for (guint k = 0; k < chain->n_broadcast; k++)
      chain->broadcast[k].steps[0] = 0;
  }
  chain->n_axes = n;
}

/* Whole texels of an operand lie as the result wants them. */
static gboolean
in_texels (const Chain *chain, const Broadcast *b)
{
  if (b->lane != 1)
    return FALSE;
  for (int d = 0; d < chain->n_axes; d++)
    if (b->steps[d] % 4 != 0)
      return FALSE;
  return TRUE;
}

/* Definitions and parameters of the operands that are broadcast. */
static void
write_broadcast (Chain *chain, GString *defines)
{
  GonioGlStep *step = &chain->step;
  if (chain->n_broadcast == 0)
    return;
  merge_axes (chain);
  gboolean each = !chain->image && chain->sizes[chain->n_axes - 1] % 4 != 0;
  if (!chain->image && !each) {
    chain->sizes[chain->n_axes - 1] /= 4;
    for (guint k = 0; k < chain->n_broadcast; k++) {
      chain->broadcast[k].lane = chain->broadcast[k].steps[chain->n_axes - 1];
      chain->broadcast[k].steps[chain->n_axes - 1] *= 4;
    }
  }
  g_string_append_printf (defines, ";AXES %d%s;OPERANDS", chain->n_axes, each ? ";EACH 1" : "");
  for (int d = 0; d < chain->n_axes; d++)
    step->params[2 + d] = (int)chain->sizes[d];
  for (guint k = 0; k < chain->n_broadcast; k++) {
    const Broadcast *b = &chain->broadcast[k];
    guint at = 8 + 8 * k;
    gboolean texels = b->reading == READ_PLAIN && !each && in_texels (chain, b);
    const char *macro = b->reading == READ_IMAGE || texels ? "TEXELS"
                        : b->reading == READ_LANE0         ? "LANE0"
                        : b->lane == 0 && !each            ? "ONE"
                                                           : "LANES";
    g_string_append_printf (defines, " %s (o%u, in%u, %u)", macro, k, b->input, at);
    for (int d = 0; d < chain->n_axes; d++)
      step->params[at + (guint)d] = (int)(texels ? b->steps[d] / 4 : b->steps[d]);
    step->params[at + 6] = (int)b->lane;
    step->params[at + 7] = (int)b->last;
    step->reads += 4;
  }
}

/* ---- stages ---- */

/* "DO (max4 (v, w))" from "max4 ($a, $b)". */
static void
add_stage (Chain *chain, const char *text, const char *a, const char *b, const float numbers[2])
{
  int places[2] = {-1, -1};
  g_string_append (chain->stages, " DO (");
  for (const char *c = text; *c; c++) {
    int which = *c == '$' && (c[1] == '0' || c[1] == '1') ? c[1] - '0' : -1;
    if (*c != '$') {
      g_string_append_c (chain->stages, *c);
      continue;
    }
    c++;
    if (which < 0) {
      g_string_append (chain->stages, *c == 'a' ? a : b);
      continue;
    }
    if (places[which] < 0)
      places[which] = (int)add_number (chain, numbers[which]);
    g_string_append_printf (chain->stages, "f[%d]", places[which]);
  }
  g_string_append_c (chain->stages, ')');
}

/* One number for each channel: gain, or what is added. */
static gboolean
add_channels (Chain *chain, gboolean bias, GError **error)
{
  static const float none[2] = {0, 0};
  const GonioGlLower *lower = chain->lower;
  const float *data[5];
  gint64 n = chain->out.dims[1];
  GonioShape shape = {.rank = chain->out.rank};
  double epsilon = gonio_node_attr_float (lower->node, "epsilon", 1e-5f);
  for (guint i = 1; i < 5; i++)
    data[i] = gonio_tensor_data (gonio_gl_in (lower->graph, lower->node, i)->constant);
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = d == 1 ? n : 1;
  g_autoptr (GonioTensor) numbers = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, error);
  if (!numbers)
    return FALSE;
  float *to = gonio_tensor_writable_data (numbers);
  for (gint64 c = 0; c < n; c++) {
    double gain = data[1][c] / sqrt (data[4][c] + epsilon);
    to[c] = (float)(bias ? data[2][c] - data[3][c] * gain : gain);
  }
  g_autofree char *text =
      add_broadcast (chain, &shape, gonio_gl_exact_numbers (chain->lower, numbers), READ_PLAIN);
  g_string_append_printf (chain->stages, " LET (%s)", text);
  add_stage (chain, bias ? "$a + $b" : "$a * $b", "v", "w", none);
  return TRUE;
}

/* The operands that v is joined with. */
static gboolean
add_operands (Chain *chain, const GonioGlExpression *expression, guint n, GonioValueId running,
              GError **error)
{
  const GonioNode *node = chain->lower->node;
  guint own = 0; /* the operand that v is */
  while (running != GONIO_VALUE_NONE && node->inputs[own] != running)
    own++;
  if (running == GONIO_VALUE_NONE) {
    g_autofree char *first = operand_text (chain, 0, running, error);
    if (!first)
      return FALSE;
    g_string_append_printf (chain->stages, " DO (%s)", first);
  }
  if (n == 1 && !strstr (expression->text, "$b"))
    add_stage (chain, expression->text, "v", "w", expression->numbers);
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = i == own ? NULL : operand_text (chain, i, running, error);
    if (i == own)
      continue;
    if (!text)
      return FALSE;
    g_string_append_printf (chain->stages, " LET (%s)", text);
    /* with more than two the order does not matter */
    add_stage (chain, expression->text, own == 1 && n == 2 ? "w" : "v",
               own == 1 && n == 2 ? "v" : "w", expression->numbers);
  }
  return TRUE;
}

static gboolean
add_node (Chain *chain, GonioNodeId id, GonioValueId running, GError **error)
{
  GonioGlLower here = *chain->lower;
  GonioGlLower *lower = chain->lower;
  here.id = id;
  here.node = gonio_graph_node (lower->graph, id);
  chain->lower = &here;
  GonioGlExpression expression = gonio_gl_expression (lower->graph, here.node);
  GonioGlExpression activation = gonio_gl_activation_expression (here.node);
  gboolean good = add_operands (chain, &expression, count_operands (here.node, expression.text),
                                running, error);
  if (here.node->op == GONIO_OP_BATCH_NORMALIZATION)
    good = good && add_channels (chain, FALSE, error) && add_channels (chain, TRUE, error);
  if (good && expression.finish)
    add_stage (chain, expression.finish, "v", "w", expression.numbers);
  if (good && activation.text)
    add_stage (chain, activation.text, "v", "w", activation.numbers);
  chain->lower = lower;
  return good;
}

/* Is an operand as large as the result there as an image? */
static gboolean
reads_image (const GonioGlLower *lower, const GonioShape *out)
{
  for (guint k = 0; k < lower->n_chain; k++) {
    GonioGlLower here = *lower;
    here.node = gonio_graph_node (lower->graph, lower->chain[k]);
    guint n = count_operands (here.node, gonio_gl_expression (lower->graph, here.node).text);
    for (guint i = 0; i < n; i++) {
      GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, here.node, i));
      if (gonio_shape_equal (&shape, out) && gonio_gl_has (&here, i, GONIO_GL_IMAGE))
        return TRUE;
    }
  }
  return FALSE;
}

/* Where there is no element lies no log (0): it would spoil what a kernel makes of whole texels, or
 * look like a result beyond 16 bits. */
static void
mask_lanes (Chain *chain, GString *defines)
{
  gint64 count = gonio_gl_count (&chain->out);
  int batch;
  if (chain->image && chain->out.dims[1] % 4 != 0) {
    g_string_append (defines, ";IMAGE 1");
    gonio_gl_image_sizes (&chain->out, &batch, &chain->step.params[0], &chain->step.params[1]);
  } else if (!chain->image && count % 4 != 0) {
    g_string_append (defines, ";TAIL 1");
    chain->step.params[0] = (int)count;
  }
}

gboolean
gonio_gl_chain_lower (GonioGlLower *lower, GError **error)
{
  g_autoptr (GString) stages = g_string_new ("STAGES");
  GonioGlForm form;
  Chain chain = {.lower = lower, .step = {.kernel = "chain.glsl"}, .stages = stages};
  GonioValueId running = GONIO_VALUE_NONE;
  chain.out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  chain.image =
      chain.out.rank >= 3 && gonio_gl_count (&chain.out) > 0 && reads_image (lower, &chain.out);
  form = chain.image ? GONIO_GL_IMAGE : GONIO_GL_PLAIN;
  chain.n_axes = chain.out.rank;
  for (int d = 0; d < chain.out.rank; d++)
    chain.sizes[d] = chain.image && d == 1 ? (chain.out.dims[d] + 3) / 4 : chain.out.dims[d];
  for (guint k = 0; k < lower->n_chain; k++) {
    if (!add_node (&chain, lower->chain[k], running, error))
      return FALSE;
    running = gonio_graph_node (lower->graph, lower->chain[k])->outputs[0];
  }
  chain.step.reads = chain.step.n_inputs;
  write_broadcast (&chain, stages);
  mask_lanes (&chain, stages);
  chain.step.output = gonio_gl_write (lower, 0, form);
  chain.step.defines = g_strdup (stages->str);
  return gonio_gl_add (lower, &chain.step, error);
}
