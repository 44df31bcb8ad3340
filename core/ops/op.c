/* Operator names, definitions and the schema check. Depends on graph and base. */
#include "core/ops/op.h"

#include "core/base/error.h"
#include "core/ops/family.h"

static const struct {
  const char *name;
  const char *domain;
} ids[GONIO_OP_COUNT] = {
    [GONIO_OP_INVALID] = {"invalid", "gonio"},
#define GONIO_OP(ID, NAME, DOMAIN, FAMILY) [GONIO_OP_##ID] = {NAME, DOMAIN},
#include "core/ops/op-list.h"
#undef GONIO_OP
};

const char *
gonio_op_name (guint op)
{
  return ids[op < GONIO_OP_COUNT ? op : GONIO_OP_INVALID].name;
}

const char *
gonio_op_domain (guint op)
{
  return ids[op < GONIO_OP_COUNT ? op : GONIO_OP_INVALID].domain;
}

static guint
key_hash (gconstpointer key)
{
  const char *const *pair = key;
  return g_str_hash (pair[0]) * 31 + g_str_hash (pair[1]);
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  const char *const *x = a, *const *y = b;
  return g_str_equal (x[0], y[0]) && g_str_equal (x[1], y[1]);
}

static gpointer
build_index (gpointer unused)
{
  GHashTable *index = g_hash_table_new (key_hash, key_equal);
  for (guint i = 1; i < GONIO_OP_COUNT; i++)
    g_hash_table_insert (index, (gpointer)&ids[i], GUINT_TO_POINTER (i));
  return index;
}

GonioOpId
gonio_op_find (const char *domain, const char *name)
{
  static GOnce once = G_ONCE_INIT;
  GHashTable *index = g_once (&once, build_index, NULL);
  const char *key[2] = {name, g_str_equal (domain, "ai.onnx") ? "" : domain};
  return GPOINTER_TO_UINT (g_hash_table_lookup (index, key));
}

/* ---- definitions ---- */

#define TABLE(NAME) gonio_ops_##NAME,
static const GonioOpDef *const families[] = {GONIO_OP_FAMILIES (TABLE)};

static gpointer
build_defs (gpointer unused)
{
  const GonioOpDef **defs = g_new0 (const GonioOpDef *, GONIO_OP_COUNT);
  for (guint f = 0; f < G_N_ELEMENTS (families); f++) {
    for (const GonioOpDef *def = families[f]; def->id != GONIO_OP_INVALID; def++)
      defs[def->id] = def;
  }
  return defs;
}

const GonioOpDef *
gonio_op_def (guint op)
{
  static const GonioOpDef none = {.id = GONIO_OP_INVALID, .max_inputs = -1, .max_outputs = -1};
  static GOnce once = G_ONCE_INIT;
  const GonioOpDef *const *defs = g_once (&once, build_defs, NULL);
  const GonioOpDef *def = op < GONIO_OP_COUNT ? defs[op] : NULL;
  return def ? def : &none;
}

/* ---- schema check ---- */

static gboolean fail (const GonioNode *node, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
fail (const GonioNode *node, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK, "Node “%s” (%s): %s", node->name,
               gonio_op_name (node->op), text);
  return FALSE;
}

static gboolean
check_attr (const GonioNode *node, const GonioOpDef *def, const GonioAttr *attr, GError **error)
{
  static const char *const types[] = {"an integer", "a number",          "text",  "a tensor",
                                      "integers",   "a list of numbers", "texts", "a graph"};
  for (const GonioAttrSchema *row = def->attrs; row && row->name; row++) {
    if (!g_str_equal (row->name, attr->name))
      continue;
    return row->type == attr->type || fail (node, error, "attribute “%s” must be %s, but is %s.",
                                            attr->name, types[row->type], types[attr->type]);
  }
  return fail (node, error, "attribute “%s” is not known.", attr->name);
}

gboolean
gonio_op_check_node (const GonioGraph *graph, GonioNodeId id, GError **error)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioOpDef *def = gonio_op_def (node->op);

  if (def->id == GONIO_OP_INVALID)
    return fail (node, error, "there is no such operator (number %u).", node->op);
  if ((int)node->n_inputs < def->min_inputs ||
      (def->max_inputs >= 0 && (int)node->n_inputs > def->max_inputs))
    return fail (node, error, "it has %u inputs; %d to %d are possible.", node->n_inputs,
                 def->min_inputs, def->max_inputs);
  if ((int)node->n_outputs < def->min_outputs ||
      (def->max_outputs >= 0 && (int)node->n_outputs > def->max_outputs))
    return fail (node, error, "it has %u outputs; %d to %d are possible.", node->n_outputs,
                 def->min_outputs, def->max_outputs);
  for (int i = 0; i < def->min_inputs; i++) {
    if (node->inputs[i] == GONIO_VALUE_NONE)
      return fail (node, error, "input %d is missing.", i);
  }
  for (guint i = 0; i < node->n_attrs; i++) {
    if (!check_attr (node, def, &node->attrs[i], error))
      return FALSE;
  }
  for (const GonioAttrSchema *row = def->attrs; row && row->name; row++) {
    if (row->required && !gonio_node_attr (node, row->name))
      return fail (node, error, "attribute “%s” is missing.", row->name);
  }
  return TRUE;
}
