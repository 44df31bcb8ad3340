/* Finding the import row of a node, and what rows have in common. Depends on import.h. */
#include "core/base/error.h"
#include "core/onnx/import.h"
#include "core/onnx/operators.h"

#include <string.h>

#define TABLE(NAME) gonio_import_##NAME,
static const GonioImportRow *const families[] = {GONIO_IMPORT_FAMILIES (TABLE)};

static gpointer
build_index (gpointer unused)
{
  GHashTable *index = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint f = 0; f < G_N_ELEMENTS (families); f++) {
    for (const GonioImportRow *row = families[f]; row->op; row++) {
      char *key = g_strdup_printf ("%s\n%s", row->domain, row->op);
      GPtrArray *rows = g_hash_table_lookup (index, key);
      if (!rows) {
        rows = g_ptr_array_new ();
        g_hash_table_insert (index, g_steal_pointer (&key), rows);
      }
      g_ptr_array_add (rows, (gpointer)row);
      g_free (key);
    }
  }
  return index;
}

/* Known, and why there is no row for them. */
static const struct {
  const char *domain, *op, *reason;
} refused[] = {
    {"ai.onnx.ml", "CastMap",
     "it reads a map, and values here are tensors, sequences and optionals; leave it out of the "
     "model and give it the numbers as a tensor."},
    {"ai.onnx.ml", "DictVectorizer",
     "it reads a map, and values here are tensors, sequences and optionals; leave it out of the "
     "model and give it the features as a tensor."},
    {"ai.onnx.ml", "ZipMap",
     "it makes maps, and values here are tensors, sequences and optionals; export the model with "
     "zipmap=False, which gives the scores as a tensor."},
    {"", "ATen", "it stands for a function of PyTorch; export the model anew without it."},
};

static const char *
why_refused (const char *domain, const char *op)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (g_str_equal (refused[i].domain, domain) && g_str_equal (refused[i].op, op))
      return refused[i].reason;
  return "the operator is not implemented.";
}

const GonioImportRow *
gonio_import_find (const char *domain, const char *op, int version, const char **out_reason)
{
  static GOnce once = G_ONCE_INIT;
  GHashTable *index = g_once (&once, build_index, NULL);
  g_autofree char *key = g_strdup_printf ("%s\n%s", domain, op);
  const GPtrArray *rows = g_hash_table_lookup (index, key);

  for (guint i = 0; rows && i < rows->len; i++) {
    const GonioImportRow *row = g_ptr_array_index (rows, i);
    if (version >= row->since && (row->until == 0 || version <= row->until))
      return row;
  }
  *out_reason = rows ? "the form it has in this opset is not supported." : why_refused (domain, op);
  return NULL;
}

/* ---- the list ---- */

static gint
by_name (gconstpointer pa, gconstpointer pb)
{
  const GonioOnnxOperator *a = pa, *b = pb;
  int order = strcmp (a->domain, b->domain);
  return order != 0 ? order : strcmp (a->op, b->op);
}

GArray *
gonio_onnx_operators (void)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (GonioOnnxOperator));
  for (guint f = 0; f < G_N_ELEMENTS (families); f++) {
    for (const GonioImportRow *row = families[f]; row->op; row++) {
      GonioOnnxOperator one = {row->domain, row->op, row->since, row->until};
      g_array_append_val (all, one);
    }
  }
  g_array_sort (all, by_name);
  GArray *merged = g_array_new (FALSE, FALSE, sizeof (GonioOnnxOperator));
  for (guint i = 0; i < all->len; i++) {
    const GonioOnnxOperator *form = &g_array_index (all, GonioOnnxOperator, i);
    GonioOnnxOperator *last =
        merged->len > 0 ? &g_array_index (merged, GonioOnnxOperator, merged->len - 1) : NULL;
    if (last == NULL || by_name (last, form) != 0) {
      g_array_append_val (merged, *form);
      continue;
    }
    last->since = MIN (last->since, form->since);
    last->until = last->until == 0 || form->until == 0 ? 0 : MAX (last->until, form->until);
  }
  g_array_unref (all);
  return merged;
}

/* ---- errors ---- */

static gboolean
set_error (GError **error, GonioLoadError code, const char *format, va_list args)
{
  g_propagate_error (error, g_error_new_valist (GONIO_LOAD_ERROR, (int)code, format, args));
  return FALSE;
}

gboolean
gonio_import_unsupported (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  set_error (error, GONIO_LOAD_ERROR_UNSUPPORTED, format, args);
  va_end (args);
  return FALSE;
}

gboolean
gonio_import_malformed (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  set_error (error, GONIO_LOAD_ERROR_MALFORMED, format, args);
  va_end (args);
  return FALSE;
}

/* ---- attributes ---- */

gboolean
gonio_import_check_attrs (const GonioImportNode *in, const GonioAttrSchema *attrs, GError **error)
{
  for (guint i = 0; i < in->node->n_attrs; i++) {
    const GonioAttr *attr = &in->node->attrs[i];
    gboolean known = FALSE, fits = FALSE;

    for (const GonioAttrSchema *row = attrs; row->name; row++) {
      gboolean same = g_str_equal (row->name, attr->name);
      known |= same;
      fits |= same && row->type == attr->type;
    }
    if (!fits)
      return gonio_import_malformed (error, "attribute “%s” %s.", attr->name,
                                     known ? "has the wrong type" : "is not known");
  }
  for (const GonioAttrSchema *row = attrs; row->name; row++)
    if (row->required && !gonio_node_attr (in->node, row->name))
      return gonio_import_malformed (error, "attribute “%s” is missing.", row->name);
  return TRUE;
}

/* ---- inputs and outputs ---- */

GonioValueId
gonio_import_input (const GonioImportNode *in, guint i)
{
  return i < in->node->n_inputs ? in->node->inputs[i] : GONIO_VALUE_NONE;
}

void
gonio_import_set_input (GonioImportNode *in, guint i, GonioValueId value)
{
  guint n = MAX (in->node->n_inputs, i + 1);
  g_autofree GonioValueId *inputs = g_new (GonioValueId, n);

  for (guint k = 0; k < n; k++)
    inputs[k] = k == i ? value : gonio_import_input (in, k);
  while (n > 0 && inputs[n - 1] == GONIO_VALUE_NONE)
    n--;
  gonio_graph_set_inputs (in->graph, in->id, inputs, n);
}

gboolean
gonio_import_has_output (const GonioImportNode *in, guint i)
{
  return i < in->node->n_outputs && in->node->outputs[i] != GONIO_VALUE_NONE;
}

static char *
sub_name (const GonioImportNode *in, const char *hint)
{
  return g_strdup_printf ("%s/%s", in->node->name, hint);
}

static GonioValueId
add_constant (GonioImportNode *in, const char *hint, GonioTensor *tensor)
{
  g_autofree char *name = sub_name (in, hint);
  return tensor ? gonio_graph_add_constant (in->graph, name, tensor)
                : gonio_graph_add_value (in->graph, name, GONIO_DTYPE_NONE, NULL);
}

static GonioTensor *
small_tensor (GonioImportNode *in, GonioDType dtype, int rank, guint n, const void *data)
{
  GonioShape shape = {.rank = rank, .dims = {n}};
  size_t size = 0;
  gonio_tensor_bytes (dtype, &shape, &size);
  return gonio_tensor_new_copy (dtype, &shape, data, size, in->failure ? NULL : &in->failure);
}

GonioValueId
gonio_import_const_ints (GonioImportNode *in, const char *hint, const int64_t *values, guint n)
{
  g_autoptr (GonioTensor) tensor = small_tensor (in, GONIO_DTYPE_INT64, 1, n, values);
  return add_constant (in, hint, tensor);
}

GonioValueId
gonio_import_const_floats (GonioImportNode *in, const char *hint, const float *values, guint n)
{
  g_autoptr (GonioTensor) tensor = small_tensor (in, GONIO_DTYPE_FLOAT, 1, n, values);
  return add_constant (in, hint, tensor);
}

GonioValueId
gonio_import_const_scalar (GonioImportNode *in, const char *hint, GonioDType dtype, double value)
{
  union {
    float f;
    double d;
    uint16_t h;
    int64_t i;
  } bits = {0};

  /* A type no operator here takes numbers of: inference will say so. */
  if (!(gonio_dtype_is_float (dtype) || gonio_dtype_is_integer (dtype)) ||
      gonio_dtype_bits (dtype) < 8)
    dtype = GONIO_DTYPE_FLOAT;
  if (dtype == GONIO_DTYPE_DOUBLE)
    bits.d = value;
  else if (dtype == GONIO_DTYPE_FLOAT16)
    bits.h = gonio_float_to_half ((float)value);
  else if (dtype == GONIO_DTYPE_BFLOAT16)
    bits.h = gonio_float_to_bfloat16 ((float)value);
  else if (dtype == GONIO_DTYPE_FLOAT)
    bits.f = (float)value;
  else if (value == value) /* low bytes first: right for every integer width; not a number: 0 */
    bits.i = value >= 9.2e18 ? INT64_MAX : value <= -9.2e18 ? INT64_MIN : (int64_t)value;
  g_autoptr (GonioTensor) tensor = small_tensor (in, dtype, 0, 1, &bits);
  return add_constant (in, hint, tensor);
}

/* ---- further nodes ---- */

GonioNodeId
gonio_import_emit_to (GonioImportNode *in, GonioOpId op, const char *hint,
                      const GonioValueId *inputs, guint n_inputs, GonioValueId output)
{
  g_autofree char *name = sub_name (in, hint);
  return gonio_graph_add_node (in->graph, op, name, inputs, n_inputs, &output, 1);
}

GonioValueId
gonio_import_emit (GonioImportNode *in, GonioOpId op, const char *hint, const GonioValueId *inputs,
                   guint n_inputs, GonioNodeId *out_node)
{
  g_autofree char *name = sub_name (in, hint);
  GonioValueId output = gonio_graph_add_value (in->graph, name, GONIO_DTYPE_NONE, NULL);
  GonioNodeId node = gonio_graph_add_node (in->graph, op, name, inputs, n_inputs, &output, 1);
  if (out_node)
    *out_node = node;
  return output;
}

GonioValueId
gonio_import_unary (GonioImportNode *in, GonioOpId op, const char *hint, GonioValueId a)
{
  return gonio_import_emit (in, op, hint, &a, 1, NULL);
}

GonioValueId
gonio_import_binary (GonioImportNode *in, GonioOpId op, const char *hint, GonioValueId a,
                     GonioValueId b)
{
  return gonio_import_emit (in, op, hint, (const GonioValueId[]){a, b}, 2, NULL);
}

GonioValueId
gonio_import_cast (GonioImportNode *in, GonioValueId a, GonioDType dtype, const char *hint)
{
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId result = gonio_import_emit (in, GONIO_OP_CAST, hint, &a, 1, &node);

  gonio_graph_set_attr_int (in->graph, node, "to", dtype);
  return result;
}

GonioValueId
gonio_import_turn (GonioImportNode *in, GonioValueId a, int rank, gboolean to_front)
{
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId result = gonio_import_emit (
      in, GONIO_OP_TRANSPOSE, to_front ? "channels_first" : "channels_last", &a, 1, &node);
  int64_t perm[GONIO_MAX_RANK] = {0};

  for (int d = 1; d < rank; d++)
    perm[d] = to_front ? (d == 1 ? rank - 1 : d - 1) : (d == rank - 1 ? 1 : d + 1);
  gonio_graph_set_attr_ints (in->graph, node, "perm", perm, (guint)rank);
  return result;
}

GonioValueId
gonio_import_detour_output (GonioImportNode *in, const char *hint)
{
  g_autofree char *name = sub_name (in, hint);
  g_autofree GonioValueId *outputs =
      g_memdup2 (in->node->outputs, in->node->n_outputs * sizeof (GonioValueId));
  GonioValueId fresh = gonio_graph_add_value (in->graph, name, GONIO_DTYPE_NONE, NULL);

  outputs[0] = fresh;
  gonio_graph_set_outputs (in->graph, in->id, outputs, in->node->n_outputs);
  return fresh;
}

void
gonio_import_attr_to_input (GonioImportNode *in, const char *name, guint index)
{
  const GonioAttr *attr = gonio_node_attr (in->node, name);
  guint n = 0;
  const int64_t *ints = gonio_node_attr_ints (in->node, name, &n);

  if (!attr)
    return;
  if (ints || attr->type == GONIO_ATTR_INTS)
    gonio_import_set_input (in, index, gonio_import_const_ints (in, name, ints, n));
  else if (attr->type == GONIO_ATTR_INT)
    gonio_import_set_input (in, index, gonio_import_const_ints (in, name, &attr->i, 1));
  else
    return; /* of the wrong type: stays, and fails the schema check */
  gonio_graph_remove_attr (in->graph, in->id, name);
}

int
gonio_import_rank (const GonioImportNode *in, GonioValueId value)
{
  const GonioSymShape *shape =
      value == GONIO_VALUE_NONE ? NULL : &gonio_graph_value (in->graph, value)->shape;
  return shape && shape->has_rank ? shape->rank : -1;
}

GonioDType
gonio_import_dtype (const GonioImportNode *in, GonioValueId value)
{
  return value == GONIO_VALUE_NONE ? GONIO_DTYPE_NONE : gonio_graph_value (in->graph, value)->dtype;
}

void
gonio_import_drop (GonioImportNode *in, const char *name, GonioAttrType type)
{
  const GonioAttr *attr = gonio_node_attr (in->node, name);

  if (attr && attr->type != type && !in->failure)
    gonio_import_malformed (&in->failure, "attribute “%s” has the wrong type.", name);
  gonio_graph_remove_attr (in->graph, in->id, name);
}

void
gonio_import_drop_all (GonioImportNode *in)
{
  while (in->node->n_attrs > 0)
    gonio_graph_remove_attr (in->graph, in->id, in->node->attrs[0].name);
}

void
gonio_import_become (GonioImportNode *in, GonioOpId op, GonioValueId a, GonioValueId b)
{
  const GonioValueId inputs[2] = {a, b};

  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, op);
  gonio_graph_set_inputs (in->graph, in->id, inputs, 2);
}
