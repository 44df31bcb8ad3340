/* Building graphs by hand in tests; see graph-maker.h. */
#include "tests/support/graph-maker.h"

#include <stdarg.h>

GonioSymShape
mk_sym (const char *shape)
{
  GonioSymShape result = {.has_rank = shape != NULL};
  g_auto (GStrv) words = g_strsplit (shape ? shape : "", " ", -1);

  for (guint i = 0; words[i]; i++) {
    if (!*words[i])
      continue;
    GonioDim dim = GONIO_DIM_UNKNOWN;
    if (g_ascii_isdigit (*words[i]))
      dim.value = g_ascii_strtoll (words[i], NULL, 10);
    else if (!g_str_equal (words[i], "?"))
      dim.symbol = g_intern_string (words[i]);
    result.dims[result.rank++] = dim;
  }
  return result;
}

GonioValueId
mk_input_of (GonioGraph *graph, const char *name, GonioDType dtype, const char *shape)
{
  GonioSymShape s = mk_sym (shape);
  return gonio_graph_add_input (graph, name, dtype, &s);
}

GonioValueId
mk_input (GonioGraph *graph, const char *name, const char *shape)
{
  return mk_input_of (graph, name, GONIO_DTYPE_FLOAT, shape);
}

static GonioValueId
constant (GonioGraph *graph, const char *name, const char *shape, const float *values, float fill)
{
  GonioSymShape s = mk_sym (shape);
  GonioShape known = {0};
  g_autoptr (GError) error = NULL;

  g_assert_true (gonio_sym_shape_known (&s, &known));
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &known, &error);
  g_assert_no_error (error);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = values ? values[i] : fill;
  return gonio_graph_add_constant (graph, name, tensor);
}

GonioValueId
mk_floats (GonioGraph *graph, const char *name, const char *shape, const float *values)
{
  return constant (graph, name, shape, values, 0);
}

GonioValueId
mk_filled (GonioGraph *graph, const char *name, const char *shape, float value)
{
  return constant (graph, name, shape, NULL, value);
}

GonioValueId
mk_scalar (GonioGraph *graph, const char *name, float value)
{
  return mk_filled (graph, name, "", value);
}

GonioValueId
mk_ints (GonioGraph *graph, const char *name, guint n, const int64_t *values)
{
  GonioShape shape = GONIO_SHAPE (n);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &shape, values, n * sizeof *values, &error);
  g_assert_no_error (error);
  return gonio_graph_add_constant (graph, name, tensor);
}

GonioValueId
mk_node (GonioGraph *graph, GonioOpId op, const char *out, ...)
{
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  va_list args;

  va_start (args, out);
  for (int id = va_arg (args, int); id != END; id = va_arg (args, int)) {
    GonioValueId value = id == OMITTED ? GONIO_VALUE_NONE : (GonioValueId)id;
    g_array_append_val (inputs, value);
  }
  va_end (args);
  GonioValueId output = gonio_graph_add_value (graph, out, GONIO_DTYPE_NONE, NULL);
  gonio_graph_add_node (graph, op, out, (const GonioValueId *)inputs->data, inputs->len, &output,
                        1);
  return output;
}

GonioNodeId
mk_producer (const GonioGraph *graph, GonioValueId value)
{
  return gonio_graph_value (graph, value)->producer;
}

const GonioNode *
mk_producer_node (const GonioGraph *graph, GonioValueId value)
{
  return gonio_graph_node (graph, mk_producer (graph, value));
}

guint
count_op (const GonioGraph *graph, GonioOpId op)
{
  guint n = 0;
  for (GonioNodeId id = 0; id < gonio_graph_n_nodes (graph); id++) {
    const GonioNode *each = gonio_graph_node (graph, id);
    n += each && each->op == op;
  }
  return n;
}

char *
shape_of (const GonioGraph *graph, GonioValueId value)
{
  return gonio_sym_shape_to_string (&gonio_graph_value (graph, value)->shape);
}
