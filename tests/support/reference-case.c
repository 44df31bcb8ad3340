/* One operator on given tensors through the reference backend's evaluate. */
#include "tests/support/reference-case.h"

#include "backends/reference/reference.h"
#include "core/tensor/list.h"

#include <math.h>
#include <string.h>

RefCase *
ref_case_new (guint op)
{
  RefCase *c = g_new0 (RefCase, 1);

  c->graph = gonio_graph_new ("case");
  c->node = GONIO_NODE_NONE;
  c->op = op;
  c->inputs = g_ptr_array_new ();
  c->n_outputs = 1;
  return c;
}

static void
clear_outputs (RefCase *c)
{
  for (guint i = 0; c->outputs != NULL && i < c->n_outputs; i++)
    g_clear_pointer (&c->outputs[i], gonio_tensor_unref);
  g_clear_pointer (&c->outputs, g_free);
  g_clear_error (&c->error);
}

void
ref_case_free (RefCase *c)
{
  clear_outputs (c);
  for (guint i = 0; i < c->inputs->len; i++)
    if (c->inputs->pdata[i] != NULL)
      gonio_tensor_unref (c->inputs->pdata[i]);
  g_ptr_array_unref (c->inputs);
  gonio_graph_unref (c->graph);
  g_free (c);
}

void
ref_case_in (RefCase *c, GonioTensor *tensor)
{
  g_assert_cmpuint (c->node, ==, GONIO_NODE_NONE);
  g_ptr_array_add (c->inputs, tensor);
}

void
ref_case_outputs (RefCase *c, guint n)
{
  g_assert_cmpuint (c->node, ==, GONIO_NODE_NONE);
  c->n_outputs = n;
}

GonioNodeId
ref_case_node (RefCase *c)
{
  g_autofree GonioValueId *in = g_new (GonioValueId, c->inputs->len + 1);
  g_autofree GonioValueId *out = g_new (GonioValueId, c->n_outputs + 1);
  GonioSymShape unknown = {0};

  if (c->node != GONIO_NODE_NONE)
    return c->node;
  for (guint i = 0; i < c->inputs->len; i++) {
    GonioTensor *tensor = c->inputs->pdata[i];
    g_autofree char *name = g_strdup_printf ("in%u", i);

    in[i] = GONIO_VALUE_NONE;
    if (tensor != NULL && gonio_tensor_kind (tensor) != GONIO_KIND_TENSOR) {
      in[i] = gonio_graph_add_input (c->graph, name, gonio_list_dtype (tensor), &unknown);
      gonio_graph_set_kind (c->graph, in[i], gonio_tensor_kind (tensor));
    } else if (tensor != NULL) {
      GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));

      in[i] = gonio_graph_add_input (c->graph, name, gonio_tensor_dtype (tensor), &shape);
    }
  }
  for (guint i = 0; i < c->n_outputs; i++) {
    g_autofree char *name = g_strdup_printf ("out%u", i);

    out[i] = gonio_graph_add_value (c->graph, name, GONIO_DTYPE_NONE, &unknown);
  }
  c->node = gonio_graph_add_node (c->graph, c->op, "node", in, c->inputs->len, out, c->n_outputs);
  return c->node;
}

void
ref_case_int (RefCase *c, const char *name, int64_t value)
{
  gonio_graph_set_attr_int (c->graph, ref_case_node (c), name, value);
}

void
ref_case_float (RefCase *c, const char *name, float value)
{
  gonio_graph_set_attr_float (c->graph, ref_case_node (c), name, value);
}

void
ref_case_string (RefCase *c, const char *name, const char *value)
{
  gonio_graph_set_attr_string (c->graph, ref_case_node (c), name, value);
}

gboolean
ref_case_run (RefCase *c)
{
  ref_case_node (c);
  clear_outputs (c);
  c->outputs = g_new0 (GonioTensor *, c->n_outputs + 1);
  return gonio_backend_reference.evaluate (
      c->graph, c->node, (GonioTensor *const *)c->inputs->pdata, c->outputs, &c->error);
}

/* ---- tensors ---- */

static GonioShape
parse_shape (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  GonioShape shape = {0};

  for (guint i = 0; *text != '\0' && words[i] != NULL; i++)
    shape.dims[shape.rank++] = g_ascii_strtoll (words[i], NULL, 10);
  return shape;
}

static GonioTensor *
new_tensor (GonioDType dtype, const char *text, guint n)
{
  GonioShape shape = parse_shape (text);
  g_autoptr (GError) error = NULL;
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, &shape, &error);

  g_assert_no_error (error);
  g_assert_cmpint (gonio_tensor_count (tensor), ==, n);
  return tensor;
}

/* Float kinds go through a Cast of the backend itself only for the narrow types; plain types
 * are written here, so that a wrong store cannot hide behind an equally wrong load. */
static void
write_double (GonioTensor *tensor, int64_t i, double value)
{
  void *data = gonio_tensor_writable_data (tensor);

  switch (gonio_tensor_dtype (tensor)) {
  case GONIO_DTYPE_FLOAT:
    ((float *)data)[i] = (float)value;
    break;
  case GONIO_DTYPE_DOUBLE:
    ((double *)data)[i] = value;
    break;
  case GONIO_DTYPE_FLOAT16:
    ((uint16_t *)data)[i] = gonio_float_to_half ((float)value);
    break;
  case GONIO_DTYPE_BFLOAT16:
    ((uint16_t *)data)[i] = gonio_float_to_bfloat16 ((float)value);
    break;
  default:
    g_assert_not_reached ();
  }
}

static void
write_int (GonioTensor *tensor, int64_t i, int64_t value)
{
  void *data = gonio_tensor_writable_data (tensor);
  guint bits = gonio_dtype_bits (gonio_tensor_dtype (tensor));

  switch (bits) {
  case 64:
    ((int64_t *)data)[i] = value;
    break;
  case 32:
    ((int32_t *)data)[i] = (int32_t)value;
    break;
  case 16:
    ((int16_t *)data)[i] = (int16_t)value;
    break;
  case 8:
    ((int8_t *)data)[i] = (int8_t)value;
    break;
  default: {
    guint per_byte = 8 / bits, shift = (guint)(i % per_byte) * bits;
    uint8_t *byte = (uint8_t *)data + i / per_byte, mask = (uint8_t)((1u << bits) - 1);

    *byte = (uint8_t)((*byte & ~(mask << shift)) | (((guint)value & mask) << shift));
  }
  }
}

/* Raw codes for the small floating types: a test of those says the bits. */
static gboolean
is_wide_float (GonioDType dtype)
{
  return dtype == GONIO_DTYPE_FLOAT || dtype == GONIO_DTYPE_DOUBLE ||
         dtype == GONIO_DTYPE_FLOAT16 || dtype == GONIO_DTYPE_BFLOAT16;
}

GonioTensor *
ref_tensor (GonioDType dtype, const char *shape, guint n, const double *values)
{
  GonioTensor *tensor = new_tensor (dtype, shape, n);

  for (guint i = 0; i < n; i++)
    if (is_wide_float (dtype))
      write_double (tensor, i, values[i]);
    else
      write_int (tensor, i, (int64_t)values[i]);
  return tensor;
}

GonioTensor *
ref_tensor_i64 (GonioDType dtype, const char *shape, guint n, const int64_t *values)
{
  GonioTensor *tensor = new_tensor (dtype, shape, n);

  for (guint i = 0; i < n; i++)
    write_int (tensor, i, values[i]);
  return tensor;
}

GonioTensor *
ref_tensor_text (const char *shape, guint n, const char *const *values)
{
  GonioTensor *tensor = new_tensor (GONIO_DTYPE_STRING, shape, n);

  for (guint i = 0; i < n; i++)
    g_assert_true (gonio_tensor_set_string (tensor, i, values[i], NULL));
  return tensor;
}

GonioTensor *
ref_tensor_count_up (GonioDType dtype, const char *text)
{
  GonioShape shape = parse_shape (text);
  g_autofree double *values = NULL;
  int64_t n;

  g_assert_true (gonio_shape_count (&shape, &n));
  values = g_new (double, MAX (n, 1));
  for (int64_t i = 0; i < n; i++)
    values[i] = (double)i;
  return ref_tensor (dtype, text, (guint)n, values);
}

/* ---- comparing ---- */

static gboolean
close_enough (double a, double b, GonioDType dtype)
{
  double allowed = dtype == GONIO_DTYPE_FLOAT16    ? 1e-3
                   : dtype == GONIO_DTYPE_BFLOAT16 ? 1e-2
                                                   : 1e-5;

  if (isnan (a) || isnan (b))
    return isnan (a) && isnan (b);
  return a == b || fabs (a - b) <= allowed * MAX (fabs (b), 1e-2);
}

static void
compare_element (const GonioTensor *got, const GonioTensor *expected, int64_t i, const char *where)
{
  GonioDType dtype = gonio_tensor_dtype (expected);

  if (dtype == GONIO_DTYPE_STRING) {
    if (!g_str_equal (gonio_tensor_string (got, i), gonio_tensor_string (expected, i)))
      g_error ("%s: element %" G_GINT64_FORMAT " is \"%s\", not \"%s\"", where, i,
               gonio_tensor_string (got, i), gonio_tensor_string (expected, i));
  } else if (gonio_dtype_is_float (dtype) && !is_wide_float (dtype)) {
    guint bits = gonio_dtype_bits (dtype), per_byte = 8 / bits;
    const uint8_t *a = gonio_tensor_data (got), *b = gonio_tensor_data (expected);
    guint shift = (guint)(i % per_byte) * bits, mask = (1u << bits) - 1;

    if (((a[i / per_byte] >> shift) & mask) != ((b[i / per_byte] >> shift) & mask))
      g_error ("%s: code %" G_GINT64_FORMAT " is 0x%02x, not 0x%02x", where, i,
               (a[i / per_byte] >> shift) & mask, (b[i / per_byte] >> shift) & mask);
  } else if (is_wide_float (dtype)) {
    double a = gonio_tensor_get_double (got, i), b = gonio_tensor_get_double (expected, i);

    if (!close_enough (a, b, dtype))
      g_error ("%s: element %" G_GINT64_FORMAT " is %.9g, not %.9g", where, i, a, b);
  } else if (gonio_tensor_get_int (got, i) != gonio_tensor_get_int (expected, i)) {
    g_error ("%s: element %" G_GINT64_FORMAT " is %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT,
             where, i, gonio_tensor_get_int (got, i), gonio_tensor_get_int (expected, i));
  }
}

void
ref_assert_out (RefCase *c, guint i, GonioTensor *expected, const char *where)
{
  g_autoptr (GonioTensor) owned = expected;
  const GonioTensor *got;

  if (c->outputs == NULL && !ref_case_run (c))
    g_error ("%s: %s", where, c->error->message);
  got = c->outputs[i];
  if (got == NULL)
    g_error ("%s: there is no output %u", where, i);
  if (gonio_tensor_dtype (got) != gonio_tensor_dtype (owned) ||
      !gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (owned))) {
    g_autofree char *left = gonio_shape_to_string (gonio_tensor_shape (got));
    g_autofree char *right = gonio_shape_to_string (gonio_tensor_shape (owned));

    g_error ("%s: output is %s %s, not %s %s", where, gonio_dtype_name (gonio_tensor_dtype (got)),
             left, gonio_dtype_name (gonio_tensor_dtype (owned)), right);
  }
  for (int64_t e = 0; e < gonio_tensor_count (got); e++)
    compare_element (got, owned, e, where);
}

void
ref_assert_fails (RefCase *c, const char *text, const char *where)
{
  if (ref_case_run (c))
    g_error ("%s: it did not fail", where);
  if (strstr (c->error->message, text) == NULL)
    g_error ("%s: \"%s\" does not say \"%s\"", where, c->error->message, text);
}
