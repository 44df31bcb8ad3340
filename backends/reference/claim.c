/* What the reference backend can run, and one kernel call with the checks around it.
 * Depends on program.h. */
#include "backends/reference/program.h"

#define TABLE(NAME) ref_rows_##NAME,
static const RefRow *const tables[] = {REF_FILES (TABLE)};

static gpointer
index_rows (gpointer data)
{
  const RefRow **by_op = g_new0 (const RefRow *, GONIO_OP_COUNT);

  for (guint t = 0; t < G_N_ELEMENTS (tables); t++)
    for (const RefRow *row = tables[t]; row->op != GONIO_OP_INVALID; row++)
      by_op[row->op] = row;
  return by_op;
}

const RefRow *
ref_row (guint op)
{
  static GOnce once = G_ONCE_INIT;
  const RefRow *const *by_op = g_once (&once, index_rows, NULL);

  return op < GONIO_OP_COUNT ? by_op[op] : NULL;
}

/* ---- types ---- */

/* The set that holds for input i: the last one of the row goes on. */
static RefTypes
input_types (const RefRow *row, guint i)
{
  guint last = 0;

  for (guint s = 0; s < G_N_ELEMENTS (row->in); s++)
    if (row->in[s] != 0)
      last = s;
  return row->in[MIN (i, last)];
}

static gboolean
must_be_same (const RefRow *row, guint i)
{
  return (row->same >> MIN (i, 31)) & 1;
}

/* NULL when types fit (NONE: not known, fits); else why not, interned. */
static const char *
refuse_types (const RefRow *row, const GonioDType *types, guint n)
{
  GonioDType common = GONIO_DTYPE_NONE;
  g_autofree char *text = NULL;

  for (guint i = 0; i < n; i++) {
    if (types[i] == GONIO_DTYPE_NONE)
      continue;
    if (((input_types (row, i) >> types[i]) & 1) == 0) {
      text =
          g_strdup_printf ("type %s of input %u is not supported", gonio_dtype_name (types[i]), i);
      return g_intern_string (text);
    }
    if (!must_be_same (row, i))
      continue;
    if (common != GONIO_DTYPE_NONE && common != types[i]) {
      text = g_strdup_printf ("inputs have the types %s and %s", gonio_dtype_name (common),
                              gonio_dtype_name (types[i]));
      return g_intern_string (text);
    }
    common = types[i];
  }
  return NULL;
}

static const char *
refuse_kind (const RefRow *row, guint i, GonioKind kind)
{
  g_autofree char *text = NULL;

  if (kind == GONIO_KIND_TENSOR || (input_types (row, i) & REF_LIST) != 0)
    return NULL;
  text =
      g_strdup_printf ("input %u must be a tensor, but is of kind %s", i, gonio_kind_name (kind));
  return g_intern_string (text);
}

/* ---- claims ---- */

static const char *
refuse_branches (const GonioNode *node)
{
  for (guint a = 0; a < node->n_attrs; a++) {
    const GonioNodeId *order;
    guint n;

    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    order = gonio_graph_order (node->attrs[a].graph, &n);
    for (guint i = 0; i < n; i++) {
      const char *refusal = ref_refusal (node->attrs[a].graph, order[i]);

      if (refusal != NULL)
        return refusal;
    }
  }
  return NULL;
}

const char *
ref_refusal (const GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const RefRow *row = ref_row (node->op);
  g_autofree GonioDType *types = g_new0 (GonioDType, node->n_inputs + 1);
  const char *refusal;
  GonioDType made;

  if (row == NULL)
    return g_intern_static_string ("no reference kernel for this operator");
  for (guint i = 0; i < node->n_inputs; i++) {
    const GonioValue *value;

    if (node->inputs[i] == GONIO_VALUE_NONE)
      continue;
    value = gonio_graph_value (graph, node->inputs[i]);
    types[i] = value->dtype;
    refusal = refuse_kind (row, i, value->kind);
    if (refusal != NULL)
      return refusal;
  }
  refusal = refuse_types (row, types, node->n_inputs);
  if (refusal != NULL)
    return refusal;
  made = node->n_outputs > 0 && node->outputs[0] != GONIO_VALUE_NONE
             ? gonio_graph_value (graph, node->outputs[0])->dtype
             : GONIO_DTYPE_NONE;
  if (row->out != 0 && made != GONIO_DTYPE_NONE && ((row->out >> made) & 1) == 0) {
    g_autofree char *text =
        g_strdup_printf ("output type %s is not supported", gonio_dtype_name (made));

    return g_intern_string (text);
  }
  return refuse_branches (node);
}

/* ---- calls ---- */

static gboolean
check_inputs (const GonioKernel *k, GError **error)
{
  int required = gonio_op_def (k->node->op)->min_inputs;
  g_autofree GonioDType *types = g_new0 (GonioDType, k->node->n_inputs + 1);
  const char *refusal = NULL;

  for (int i = 0; i < required; i++)
    if (ref_in (k, (guint)i) == NULL)
      return ref_bad_shape (error, "required input %d is missing", i);
  for (guint i = 0; i < k->node->n_inputs && refusal == NULL; i++) {
    GonioKind kind;

    if (k->inputs[i] == NULL)
      continue;
    kind = gonio_tensor_kind (k->inputs[i]);
    refusal = refuse_kind (k->row, i, kind);
    types[i] = kind == GONIO_KIND_TENSOR ? gonio_tensor_dtype (k->inputs[i])
                                         : gonio_list_dtype (k->inputs[i]);
  }
  if (refusal == NULL)
    refusal = refuse_types (k->row, types, k->node->n_inputs);
  return refusal == NULL || ref_bad_shape (error, "%s", refusal);
}

static gboolean
check_outputs (const GonioKernel *k, GError **error)
{
  for (guint i = 0; i < k->node->n_outputs; i++)
    if (k->node->outputs[i] != GONIO_VALUE_NONE && k->outputs[i] == NULL) {
      return ref_bad_shape (error, "the operator has no output %u", i);
    } else if (k->outputs[i] != NULL &&
               gonio_tensor_text_bytes (k->outputs[i]) > GONIO_TENSOR_MAX_TEXT) {
      /* Shared texts cost no memory, but time whenever they are read. */
      ref_raise (error, GONIO_RUN_ERROR_MEMORY,
                 "the texts of output %u together exceed the limit of %zu MiB", i,
                 GONIO_TENSOR_MAX_TEXT >> 20);
      return FALSE;
    }
  return TRUE;
}

gboolean
ref_kernel_call (GonioKernel *k, GError **error)
{
  GonioActivation activation = gonio_node_activation (k->node);

  if (!check_inputs (k, error) || !k->row->run (k, error) || !check_outputs (k, error)) {
    g_prefix_error (error, "%s (%s): ", k->node->name, gonio_op_name (k->node->op));
    for (guint i = 0; i < k->node->n_outputs; i++)
      g_clear_pointer (&k->outputs[i], gonio_tensor_unref);
    return FALSE;
  }
  if (k->node->n_outputs > 0 && k->outputs[0] != NULL)
    ref_activate_tensor (&activation, k->outputs[0]);
  return TRUE;
}
