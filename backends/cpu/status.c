/* The one place that turns xnn_status into GError. */
#include "backends/cpu/status.h"

#include "backends/cpu/alloc.h"
#include "core/base/error.h"

gboolean
gonio_cpu_check (enum xnn_status status, const char *what, GError **error)
{
  static const struct {
    enum xnn_status status;
    GonioBackendError code;
    const char *text;
  } table[] = {
      {xnn_status_uninitialized, GONIO_BACKEND_ERROR_UNAVAILABLE, "XNNPACK is not initialised"},
      {xnn_status_invalid_parameter, GONIO_BACKEND_ERROR_UNSUPPORTED, "a parameter is invalid"},
      {xnn_status_invalid_state, GONIO_BACKEND_ERROR_FAILED, "the operator is not set up"},
      {xnn_status_unsupported_parameter, GONIO_BACKEND_ERROR_UNSUPPORTED,
       "a parameter is not supported"},
      {xnn_status_unsupported_hardware, GONIO_BACKEND_ERROR_UNAVAILABLE,
       "this processor is not supported"},
  };
  if (status == xnn_status_success)
    return TRUE;
  if (status == xnn_status_out_of_memory) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "not enough memory: XNNPACK's %s needs %" G_GSIZE_FORMAT " bytes", what,
                 gonio_cpu_failed_bytes ());
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].status == status) {
      g_set_error (error, GONIO_BACKEND_ERROR, table[i].code, "XNNPACK %s: %s", what,
                   table[i].text);
      return FALSE;
    }
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED, "XNNPACK %s: status %d",
               what, (int)status);
  return FALSE;
}
