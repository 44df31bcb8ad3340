/* Statistics and distances of tensors. Depends on tensor. */
#include "core/tensor/statistics.h"

#include <math.h>
#include <string.h>

static gboolean
is_complex (GonioDType dtype)
{
  return dtype == GONIO_DTYPE_COMPLEX64 || dtype == GONIO_DTYPE_COMPLEX128;
}

/* Real numbers in the tensor, two for each complex one, none for strings. */
static int64_t
count_numbers (const GonioTensor *tensor)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  if (dtype == GONIO_DTYPE_STRING || dtype == GONIO_DTYPE_NONE)
    return 0;
  return gonio_tensor_count (tensor) * (is_complex (dtype) ? 2 : 1);
}

static double
number_at (const GonioTensor *tensor, int64_t i)
{
  switch (gonio_tensor_dtype (tensor)) {
  case GONIO_DTYPE_FLOAT:
  case GONIO_DTYPE_COMPLEX64:
    return (double)((const float *)gonio_tensor_data (tensor))[i];
  case GONIO_DTYPE_DOUBLE:
  case GONIO_DTYPE_COMPLEX128:
    return ((const double *)gonio_tensor_data (tensor))[i];
  default:
    return gonio_tensor_get_double (tensor, i);
  }
}

static gboolean
has_special (GonioDType dtype)
{
  return gonio_dtype_is_float (dtype) || is_complex (dtype);
}

GonioTensorStatistics
gonio_tensor_count_special (const GonioTensor *tensor)
{
  GonioTensorStatistics s = {
      .first_nan = -1, .first_inf = -1, .min = NAN, .max = NAN, .mean = NAN, .std = NAN};
  s.n_numbers = count_numbers (tensor);
  if (!has_special (gonio_tensor_dtype (tensor)))
    return s;
  for (int64_t i = 0; i < s.n_numbers; i++) {
    double x = number_at (tensor, i);
    if (isfinite (x))
      continue;
    gboolean nan = isnan (x);
    int64_t *first = nan ? &s.first_nan : &s.first_inf;
    *first = *first < 0 ? i : *first;
    *(nan ? &s.n_nan : &s.n_inf) += 1;
  }
  return s;
}

GonioTensorStatistics
gonio_tensor_statistics (const GonioTensor *tensor)
{
  GonioTensorStatistics s = gonio_tensor_count_special (tensor);
  int64_t n = s.n_numbers - s.n_nan - s.n_inf, seen = 0;
  double mean = 0, squares = 0;
  if (n == 0)
    return s;
  s.min = INFINITY;
  s.max = -INFINITY;
  for (int64_t i = 0; i < s.n_numbers; i++) { /* Welford: no cancellation in large tensors */
    double x = number_at (tensor, i);
    if (!isfinite (x))
      continue;
    double off = x - mean;
    mean += off / (double)++seen;
    squares += off * (x - mean);
    s.min = MIN (s.min, x);
    s.max = MAX (s.max, x);
  }
  s.mean = mean;
  s.std = sqrt (squares / (double)n);
  return s;
}

/* ---- distance ---- */

static void
count_wrong (GonioTensorDistance *d, int64_t i, double got, double wanted)
{
  if (d->n_wrong++ > 0)
    return;
  d->first_wrong = i;
  d->got = got;
  d->wanted = wanted;
}

static void
compare_strings (GonioTensorDistance *d, const GonioTensor *got, const GonioTensor *wanted)
{
  d->n_numbers = gonio_tensor_count (got);
  for (int64_t i = 0; i < d->n_numbers; i++)
    if (strcmp (gonio_tensor_string (got, i), gonio_tensor_string (wanted, i)) != 0)
      count_wrong (d, i, NAN, NAN);
}

GonioTensorDistance
gonio_tensor_distance (const GonioTensor *got, const GonioTensor *wanted, double rtol, double atol)
{
  GonioTensorDistance d = {.first_wrong = -1};
  GonioDType dtype = gonio_tensor_dtype (got);
  gboolean strings = dtype == GONIO_DTYPE_STRING;
  d.same_form = strings == (gonio_tensor_dtype (wanted) == GONIO_DTYPE_STRING) &&
                is_complex (dtype) == is_complex (gonio_tensor_dtype (wanted)) &&
                gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (wanted));
  if (!d.same_form)
    return d;
  if (strings) {
    compare_strings (&d, got, wanted);
    return d;
  }
  d.n_numbers = count_numbers (got);
  for (int64_t i = 0; i < d.n_numbers; i++) {
    double a = number_at (got, i), b = number_at (wanted, i);
    if (isfinite (b))
      d.largest = MAX (d.largest, fabs (b));
    if (a == b || (isnan (a) && isnan (b)))
      continue;
    double off = isfinite (a) && isfinite (b) ? fabs (a - b) : INFINITY;
    d.max_abs = MAX (d.max_abs, off);
    if (b != 0)
      d.max_rel = MAX (d.max_rel, isinf (off) ? INFINITY : off / fabs (b));
    if (!(off <= atol + rtol * fabs (b)) || isinf (off))
      count_wrong (&d, i, a, b);
  }
  return d;
}
