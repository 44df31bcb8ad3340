/* Models of one node; see node-case.h. */
#include "tests/support/node-case.h"

#include "backends/reference/program.h"
#include "core/onnx/load.h"

#include <math.h>
#include <string.h>

NodeCase *
node_case_new (const char *domain, int version, const char *op, const char *inputs,
               const char *outputs)
{
  NodeCase *c = g_new0 (NodeCase, 1);
  g_auto (GStrv) names = g_strsplit (outputs, " ", -1);

  c->file = onnx_graph ("case");
  c->node = onnx_node (op, inputs, outputs);
  c->domain = g_strdup (domain);
  c->version = version;
  c->inputs = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  onnx_node_name (c->node, "node");
  if (*domain)
    onnx_node_domain (c->node, domain);
  for (guint i = 0; names[i]; i++) {
    GByteArray *info = g_byte_array_new ();
    if (g_str_equal (names[i], "-")) {
      g_byte_array_unref (info);
      continue;
    }
    pb_text (info, 1, names[i]);
    pb_message (c->file, 12, info);
  }
  return c;
}

void
node_case_free (NodeCase *c)
{
  for (guint i = 0; c->outputs && i < c->n_outputs; i++)
    g_clear_pointer (&c->outputs[i], gonio_tensor_unref);
  g_free (c->outputs);
  g_clear_pointer (&c->file, g_byte_array_unref);
  g_clear_pointer (&c->node, g_byte_array_unref);
  g_clear_pointer (&c->graph, gonio_graph_unref);
  g_clear_error (&c->error);
  g_ptr_array_unref (c->inputs);
  g_free (c->domain);
  g_free (c);
}

void
node_case_give (NodeCase *c, const char *name, const char *shape, GonioTensor *tensor)
{
  const GonioShape *own = gonio_tensor_shape (tensor);
  g_autoptr (GString) text = g_string_new (NULL);

  for (int d = 0; d < own->rank; d++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, d ? " " : "", own->dims[d]);
  onnx_graph_input (c->file, name, (int)gonio_tensor_dtype (tensor), shape ? shape : text->str);
  g_ptr_array_add (c->inputs, tensor);
}

void
node_case_hold (NodeCase *c, const char *name, GonioTensor *tensor)
{
  const GonioShape *own = gonio_tensor_shape (tensor);
  GByteArray *out = g_byte_array_new ();

  for (int d = 0; d < own->rank; d++)
    pb_int (out, 1, own->dims[d]);
  pb_int (out, 2, gonio_tensor_dtype (tensor));
  pb_text (out, 8, name);
  pb_bytes (out, 9, gonio_tensor_data (tensor), gonio_tensor_size (tensor));
  onnx_graph_init (c->file, out);
  gonio_tensor_unref (tensor);
}

static gboolean
load (NodeCase *c)
{
  gboolean standard = *c->domain == '\0';

  onnx_graph_node (c->file, g_steal_pointer (&c->node));
  GByteArray *model = onnx_model (g_steal_pointer (&c->file), standard ? c->version : 21);
  if (!standard)
    onnx_model_opset (model, c->domain, c->version);
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (model);
  c->graph = gonio_onnx_load_bytes (bytes, NULL, NULL, &c->error);
  return c->graph && gonio_infer_graph (c->graph, &c->error) &&
         gonio_graph_check (c->graph, gonio_op_check_node, &c->error);
}

gboolean
node_case_run (NodeCase *c)
{
  GonioRunArgs args = {0};

  if (!load (c))
    return FALSE;
  g_autoptr (RefProgram) program = ref_program_new_from_graph (c->graph, 0, &c->error);
  if (!program)
    return FALSE;
  c->n_outputs = ref_program_n_outputs (program);
  c->outputs = g_new0 (GonioTensor *, c->n_outputs + 1);
  return ref_program_run (program, &args, (GonioTensor *const *)c->inputs->pdata, c->outputs,
                          &c->error);
}

void
node_case_expect (NodeCase *c, guint i, const char *shape, guint n, const double *values,
                  double tolerance)
{
  if (!c->outputs)
    node_case_run (c);
  g_assert_no_error (c->error);
  g_assert_cmpuint (i, <, c->n_outputs);
  const GonioTensor *got = c->outputs[i];
  g_autofree char *text = gonio_shape_to_string (gonio_tensor_shape (got));
  g_autofree char *spaced = g_strdelimit (g_strndup (text + 1, strlen (text) - 2), ",", ' ');
  g_assert_cmpstr (spaced, ==, shape);
  g_assert_cmpint (gonio_tensor_count (got), ==, n);
  for (guint k = 0; k < n; k++) {
    double value = gonio_tensor_get_double (got, k);
    if (!(fabs (value - values[k]) <= tolerance * (1 + fabs (values[k]))))
      g_error ("output %u, element %u: %.9g, not %.9g", i, k, value, values[k]);
  }
}

void
node_case_refused (NodeCase *c, const char *text)
{
  g_assert_false (node_case_run (c));
  g_assert_nonnull (c->error);
  if (!strstr (c->error->message, text))
    g_error ("“%s” does not hold “%s”", c->error->message, text);
}
