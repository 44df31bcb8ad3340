/* Running models in tests. */
#include "tests/support/model-run.h"

#include "app/backends.h"
#include "core/base/error.h"

#include <math.h>

static GonioTensor *
converted (GonioTensor *tensor, GonioDType dtype, GError **error)
{
  if (dtype == GONIO_DTYPE_NONE || dtype == gonio_tensor_dtype (tensor))
    return gonio_tensor_ref (tensor);
  g_autoptr (GonioTensor) copy =
      gonio_tensor_new_zeroed (dtype, gonio_tensor_shape (tensor), error);
  if (copy == NULL)
    return NULL;
  void *data = gonio_tensor_writable_data (copy);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    switch (dtype) {
    case GONIO_DTYPE_FLOAT:
      ((float *)data)[i] = (float)gonio_tensor_get_double (tensor, i);
      break;
    case GONIO_DTYPE_INT64:
      ((gint64 *)data)[i] = gonio_tensor_get_int (tensor, i);
      break;
    case GONIO_DTYPE_INT32:
      ((gint32 *)data)[i] = (gint32)gonio_tensor_get_int (tensor, i);
      break;
    case GONIO_DTYPE_INT8:
    case GONIO_DTYPE_UINT8:
    case GONIO_DTYPE_BOOL:
      ((guint8 *)data)[i] = (guint8)gonio_tensor_get_int (tensor, i);
      break;
    default:
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT, "no conversion to %s",
                   gonio_dtype_name (dtype));
      return NULL;
    }
  }
  return g_steal_pointer (&copy);
}

gboolean
gonio_model_run_positional (GonioSession *session, GPtrArray *inputs, GonioTensor ***out_outputs,
                            GError **error)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  if (inputs->len < n) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                 "the model has %u inputs, %u are given", n, inputs->len);
    return FALSE;
  }
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GPtrArray) tensors =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  for (guint i = 0; i < n; i++) {
    GonioTensor *tensor = converted (g_ptr_array_index (inputs, i), ports[i].dtype, error);
    if (tensor == NULL)
      return FALSE;
    g_ptr_array_add (tensors, tensor);
    g_ptr_array_add (names, (gpointer)ports[i].name);
  }
  return gonio_session_run (session, (const char *const *)names->pdata,
                            (GonioTensor *const *)tensors->pdata, n, out_outputs, NULL, error);
}

double
gonio_model_error (const GonioTensor *got, const GonioTensor *expected)
{
  double worst = 0, largest = 0;
  if (!gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (expected)))
    return INFINITY;
  for (int64_t i = 0; i < gonio_tensor_count (expected); i++) {
    double a = gonio_tensor_get_double (got, i), b = gonio_tensor_get_double (expected, i);
    if (isfinite (a) && isfinite (b)) {
      worst = fmax (worst, fabs (a - b));
      largest = fmax (largest, fabs (b));
    } else if (a != b && !(isnan (a) && isnan (b))) {
      return INFINITY;
    }
  }
  return worst == 0 ? 0 : worst / largest;
}

gboolean
gonio_model_options (const char *backends, GonioSessionOptions *out_options,
                     const GonioBackendDef ***out_backends, GError **error)
{
  const GonioBackendDef **list = gonio_backends_parse (backends, error);
  if (list == NULL)
    return FALSE;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = list;
  *out_options = options;
  *out_backends = list;
  return TRUE;
}
