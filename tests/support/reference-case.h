/* One operator on given tensors through the reference backend's evaluate: build, run, compare.
 *
 *   g_autoptr (RefCase) c = ref_case_new (GONIO_OP_ADD);
 *   ref_case_in (c, TENSOR (FLOAT, "2", 1, 2));
 *   ref_case_in (c, TENSOR (FLOAT, "", 10));
 *   ASSERT_OUT (c, 0, FLOAT, "2", 11, 12);
 */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"

typedef struct {
  GonioGraph *graph;
  GonioNodeId node;
  guint op;
  GPtrArray *inputs; /* GonioTensor*, NULL for omitted ones */
  guint n_outputs;
  GonioTensor **outputs; /* after a run */
  GError *error;         /* after a run that failed */
} RefCase;

RefCase *ref_case_new (guint op);
void ref_case_free (RefCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RefCase, ref_case_free)

void ref_case_in (RefCase *c, GonioTensor *tensor); /* (transfer full), NULL: omitted */
void ref_case_outputs (RefCase *c, guint n);        /* 1 unless said otherwise */
void ref_case_int (RefCase *c, const char *name, int64_t value);
void ref_case_float (RefCase *c, const char *name, float value);
void ref_case_string (RefCase *c, const char *name, const char *value);
#define REF_CASE_INTS(c, name, ...)                                                                \
  gonio_graph_set_attr_ints ((c)->graph, ref_case_node (c), name, (const int64_t[]){__VA_ARGS__},  \
                             G_N_ELEMENTS (((const int64_t[]){__VA_ARGS__})))
/* The node: made at the first call, so inputs come first, then attributes, then the run. */
GonioNodeId ref_case_node (RefCase *c);
gboolean ref_case_run (RefCase *c);

/* shape: "2 3", "" for a scalar. Values are doubles converted to the type. */
GonioTensor *ref_tensor (GonioDType dtype, const char *shape, guint n, const double *values);
GonioTensor *ref_tensor_i64 (GonioDType dtype, const char *shape, guint n, const int64_t *values);
GonioTensor *ref_tensor_text (const char *shape, guint n, const char *const *values);
#define TENSOR(DTYPE, shape, ...)                                                                  \
  ref_tensor (GONIO_DTYPE_##DTYPE, shape, G_N_ELEMENTS (((const double[]){__VA_ARGS__})),          \
              (const double[]){__VA_ARGS__})
#define TENSOR_I64(DTYPE, shape, ...)                                                              \
  ref_tensor_i64 (GONIO_DTYPE_##DTYPE, shape, G_N_ELEMENTS (((const int64_t[]){__VA_ARGS__})),     \
                  (const int64_t[]){__VA_ARGS__})
#define TENSOR_TEXT(shape, ...)                                                                    \
  ref_tensor_text (shape, G_N_ELEMENTS (((const char *[]){__VA_ARGS__})),                          \
                   (const char *[]){__VA_ARGS__})
/* No elements at all. */
#define TENSOR_EMPTY(DTYPE, shape) ref_tensor (GONIO_DTYPE_##DTYPE, shape, 0, NULL)
/* 0, 1, 2, ... */
GonioTensor *ref_tensor_count_up (GonioDType dtype, const char *shape);

/* Runs the case if it has not run, and compares: type, shape, values (relative error 1e-5, NaN
 * equals NaN; integers exactly). */
void ref_assert_out (RefCase *c, guint i, GonioTensor *expected, const char *where);
#define REF_HERE G_STRLOC
#define ASSERT_OUT(c, i, DTYPE, shape, ...)                                                        \
  ref_assert_out (c, i, TENSOR (DTYPE, shape, __VA_ARGS__), REF_HERE)
#define ASSERT_OUT_I64(c, i, DTYPE, shape, ...)                                                    \
  ref_assert_out (c, i, TENSOR_I64 (DTYPE, shape, __VA_ARGS__), REF_HERE)
#define ASSERT_OUT_TEXT(c, i, shape, ...)                                                          \
  ref_assert_out (c, i, TENSOR_TEXT (shape, __VA_ARGS__), REF_HERE)
#define ASSERT_OUT_EMPTY(c, i, DTYPE, shape)                                                       \
  ref_assert_out (c, i, TENSOR_EMPTY (DTYPE, shape), REF_HERE)
/* Runs the case, which must fail with a message that holds text. */
void ref_assert_fails (RefCase *c, const char *text, const char *where);
#define ASSERT_FAILS(c, text) ref_assert_fails (c, text, REF_HERE)
