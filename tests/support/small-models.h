/* Small ONNX files that together touch most of what loading, building and running can do, for
 * tests of threads and of failing allocations.
 *
 *   net      convolutions, norm, pooling, upsampling, matrix products; height is free
 *   fixed    the same with a fixed height
 *   external the same with weights in a file beside it
 *   plain    moving, sorting, reducing, casting
 *   control  Loop, Scan, If, sequences, optional values
 *   text     strings, and a picture to decode
 *   ml       trees, linear models, support vector machines, features and categories
 */
#pragma once

#include "core/session/session.h"

extern const char *const small_models[]; /* the names above, NULL-terminated */

/* Writes the model into the folder. Path of the file. (transfer full) */
char *small_model_write (const char *dir, const char *name);
void small_model_remove (const char *dir, const char *name);

/* Inputs for a run, the same every time; size: of a free dimension. GPtrArray of GonioTensor*. */
GPtrArray *small_model_inputs (GonioSession *session, int64_t size);
/* Runs once on such inputs. (transfer full), to be freed with gonio_session_free_outputs(). */
GonioTensor **small_model_run (GonioSession *session, GPtrArray *inputs, GCancellable *cancellable,
                               GError **error);
/* Same types, shapes and, up to rounding, contents? */
gboolean small_model_equal (GonioTensor *const *a, GonioTensor *const *b, guint n);
