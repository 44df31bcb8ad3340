/* Running models in tests: positional inputs, errors relative to the largest magnitude. */
#pragma once

#include "core/session/session.h"

/* inputs: GonioTensor* in the order of the model's inputs, converted to the model's types
 * where they differ. out_outputs as gonio_session_run(). */
gboolean gonio_model_run_positional (GonioSession *session, GPtrArray *inputs,
                                     GonioTensor ***out_outputs, GError **error);

/* max |got - expected| / max |expected| over finite values; infinity when shapes differ or a
 * value is NaN or infinite on one side only. All zero: 0 when equal, else infinity. */
double gonio_model_error (const GonioTensor *got, const GonioTensor *expected);

/* Session options for a list such as "cpu,reference". *out_backends must outlive the session's
 * creation; g_free. */
gboolean gonio_model_options (const char *backends, GonioSessionOptions *out_options,
                              const GonioBackendDef ***out_backends, GError **error);
