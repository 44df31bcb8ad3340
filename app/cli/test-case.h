/* One ONNX backend test: find it, run it, judge it as onnx.backend.test.runner does.
 * Depends on core/session, core/onnx. */
#pragma once

#include "core/session/session.h"

G_BEGIN_DECLS

typedef struct {
  double rtol, atol;
} GonioTolerances;

/* Fills tests with the folders below dir (itself included) that hold a model and test data,
 * sorted by path; folders are searched at most 4 levels deep. GPtrArray of char*. */
gboolean gonio_test_case_find (const char *dir, GPtrArray *tests, GError **error);

typedef enum {
  GONIO_VERDICT_PASS,
  GONIO_VERDICT_FAIL,
  GONIO_VERDICT_SKIP,
} GonioVerdict;

/* Runs every data set of the test. out_reason: one line, "" for a pass. (transfer full) */
GonioVerdict gonio_test_case_run (const char *dir, const GonioSessionOptions *options,
                                  const GonioTolerances *tolerances, char **out_reason);

/* Shape, type and values: |got - expected| <= atol + rtol * |expected|, NaN equals NaN,
 * strings and infinities exactly; lists item by item. values FALSE: shape and type only. NULL when
 * they agree, else what differs. (transfer full) */
char *gonio_tensor_difference (const GonioTensor *got, const GonioTensor *expected,
                               const GonioTolerances *tolerances, gboolean values);

G_END_DECLS
