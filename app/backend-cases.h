/* Small graphs of every family of kernels, run on one backend and on the reference: is what it
 * computes right on this machine? Depends on core/session, core/ops, core/graph.
 *
 * To add a case: a row in the table of backend-cases.c. Inputs, separated by ';':
 *   f:dims  floats in -2..2      p:dims  floats in 0.1..2
 *   c:dims  constant floats      k:1,2   constant int64 vector
 *   v:1,2   constant floats      s:1.5   constant float      -  omitted
 * Attributes are read by the operator's schema ("strides=2,2 mode=linear"). */
#pragma once

#include "core/ops/op.h"
#include "core/session/session.h"

G_BEGIN_DECLS

typedef struct {
  const char *family; /* of kernels: "conv", "pool" */
  const char *name;   /* unique within its family */
  GonioOpId op;
  const char *inputs;
  const char *attributes; /* nullable */
  guint n_outputs;        /* 0: 1 */
} GonioBackendCase;

const GonioBackendCase *gonio_backend_cases (guint *out_n);
/* Changes with the table. (transfer full) */
char *gonio_backend_cases_digest (void);

typedef enum {
  GONIO_CASE_PASSED,
  GONIO_CASE_FAILED,
  GONIO_CASE_NOT_CLAIMED, /* the backend says that it cannot run it */
} GonioCaseState;

/* What is tried, and against what. */
typedef struct {
  const GonioBackendDef *def;
  const GonioBackendDef *host;   /* the processor's fastest */
  const GonioBackendDef *oracle; /* runs everything */
  GonioPrecision precision;
  gboolean half; /* values are kept in 16 bits: wider limits */
} GonioBackendTrial;

/* Blocking. out_text: what is wrong, or the claim's reason; NULL when it passed. */
GonioCaseState gonio_backend_case_run (const GonioBackendTrial *trial, const GonioBackendCase *row,
                                       char **out_text);

/* What is wrong with a result, or NULL. (transfer full) */
char *gonio_backend_difference (GonioTolerance tolerance, gboolean half, const GonioTensor *got,
                                const GonioTensor *want);

/* A piece of a convolutional network of middle size, fused as networks are, on the backend and on
 * the processor: the same result? Median milliseconds of a run of each, transfers included; both 0
 * where the backend does not claim all of it. */
GonioCaseState gonio_backend_speed_run (const GonioBackendTrial *trial, double *out_device_ms,
                                        double *out_host_ms, char **out_text);

G_END_DECLS
