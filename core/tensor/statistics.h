/* What a tensor's numbers are like, and how far two tensors are apart. Depends on tensor. */
#pragma once

#include "core/tensor/tensor.h"

G_BEGIN_DECLS

/* Of the finite numbers; all NAN when there are none. Complex numbers count as their real and
 * their imaginary parts, bools as 0 and 1. Strings have no numbers: everything is empty. */
typedef struct {
  int64_t n_numbers;    /* finite or not */
  int64_t n_nan, n_inf; /* of those */
  int64_t first_nan;    /* position among the numbers, -1: none */
  int64_t first_inf;    /* likewise */
  double min, max, mean;
  double std; /* of the population: divided by n, as numpy.std() */
} GonioTensorStatistics;
GonioTensorStatistics gonio_tensor_statistics (const GonioTensor *tensor);

/* Only the counts and first positions; quicker. min, max, mean and std are NAN. */
GonioTensorStatistics gonio_tensor_count_special (const GonioTensor *tensor);

/* How numpy.testing.assert_allclose (got, wanted, rtol, atol) compares: a number fits when
 * |got - wanted| <= atol + rtol * |wanted|, NaN fits NaN, infinities fit their own sign. */
typedef struct {
  gboolean same_form; /* shape, and strings or not; FALSE: the rest is empty */
  int64_t n_numbers;
  int64_t n_wrong;
  int64_t first_wrong; /* position among the numbers, -1: none */
  double got, wanted;  /* at first_wrong; for strings NAN */
  double max_abs;      /* INFINITY where only one side is NaN or infinite */
  double max_rel;      /* of |got - wanted| / |wanted| where wanted is not 0 */
  double largest;      /* of the finite |wanted| */
} GonioTensorDistance;
GonioTensorDistance gonio_tensor_distance (const GonioTensor *got, const GonioTensor *wanted,
                                           double rtol, double atol);

G_END_DECLS
