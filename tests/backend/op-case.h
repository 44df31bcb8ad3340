/* One operator on random data, described by a line of text, run on two lists of backends and
 * compared. For tests of backends against the reference. */
#pragma once

#include "core/session/session.h"

G_BEGIN_DECLS

/* A case reads "Op(inputs) attributes", for example
 *   "Conv(f:1,3,9,9; c:8,3,3,3; c:8) strides=2,2 pads=1,1,1,1 out=1"
 * Inputs, separated by ';':
 *   f:dims   float graph input        c:dims   constant floats
 *   b:dims   bool graph input         z:dims   constant bools
 *   i<n>:dims int64 graph input with values in -n..n-1
 *   j<n>:dims constant int64 with values in -n..n-1
 *   t:dims=values constant int64 tensor
 *   k:values constant int64 vector    v:values constant float vector   s:value constant float
 *   -        omitted
 * Attributes are read by the operator's schema. "out=N" asks for N outputs. */

typedef struct {
  const GonioBackendDef *const *tested; /* strict: the first must take every node */
  const GonioBackendDef *const *reference;
  guint threads;
} OpCaseSetup;

/* sandwich: computed float inputs and float outputs of rank 3 and 4 pass through a 1-wide
 * MaxPool, which changes nothing but, on backends that pool in NHWC, makes the operator between
 * work there too. Reports failures through g_test_fail_printf(). */
void op_case_run (const OpCaseSetup *setup, const char *text, gboolean sandwich);

/* The text must be refused by the first backend in strict mode. */
void op_case_refused (const OpCaseSetup *setup, const char *text);

G_END_DECLS
