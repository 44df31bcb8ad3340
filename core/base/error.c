/* Quarks of the error domains. */
#include "core/base/error.h"

G_DEFINE_QUARK (gonio-load-error-quark, gonio_load_error)
G_DEFINE_QUARK (gonio-run-error-quark, gonio_run_error)
G_DEFINE_QUARK (gonio-backend-error-quark, gonio_backend_error)
G_DEFINE_QUARK (gonio-image-error-quark, gonio_image_error)
G_DEFINE_QUARK (gonio-model-error-quark, gonio_model_error)
G_DEFINE_QUARK (gonio-measure-error-quark, gonio_measure_error)
