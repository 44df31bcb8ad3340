/* What the tests of the OpenGL backends share: the backend that the argument names, tables of
 * cases, small graphs. Depends on op-case, the session, the reference and the OpenGL backends. */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "tests/backend/op-case.h"

G_BEGIN_DECLS

/* What main() returns where the backend is not there. */
#define GL_TEST_SKIPPED 77

/* Lists for sessions; the first two begin with the tested backend once gl_test_begin() has chosen
 * it. */
extern const GonioBackendDef *gl_test_alone[2];
extern const GonioBackendDef *gl_test_backed[3]; /* the reference takes what it leaves */
extern const GonioBackendDef *const gl_test_reference[2];
/* Compares the tested backend alone, on one thread, with the reference. */
extern const OpCaseSetup gl_test_setup;

/* g_test_init(), then takes the backend that the first argument names: "gl-fragment", or else
 * gl-compute. FALSE if this machine has it not, or its driver's words do not begin with
 * GONIO_TEST_GL_VERSION of the environment ("OpenGL ES 3.0"), having said why in TAP. */
gboolean gl_test_begin (int *argc, char ***argv);

/* Each of n cases, see op-case.h, as it is and sandwiched. */
void gl_test_run_cases (const char *const *cases, guint n);
/* Tests that run a table so, or find all of it refused. The table must be static. */
void gl_test_add_cases (const char *path, const char *const *cases, guint n);
void gl_test_add_refused (const char *path, const char *const *cases, guint n);

/* A node with one new output, which is returned. */
GonioValueId gl_test_add_node (GonioGraph *graph, GonioOpId op, const GonioValueId *inputs,
                               guint n);
/* Outputs of one run of a graph as it stands (inferred, strict, no optimisation), for
 * gonio_session_free_outputs(). */
GonioTensor **gl_test_run_graph (const GonioGraph *graph, const GonioBackendDef *const *backends,
                                 const char *const *names, GonioTensor *const *inputs, guint n);

G_END_DECLS
