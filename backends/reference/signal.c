/* Windows, mel weights and Fourier transforms in double. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <complex.h>
#include <math.h>

static gboolean
output_type (const GonioKernel *k, GonioDType *out, GError **error)
{
  int64_t dtype = ref_attr_int (k, "output_datatype", GONIO_DTYPE_FLOAT);

  if (dtype <= 0 || dtype >= GONIO_DTYPE_COUNT || ((REF_NUMBERS >> dtype) & 1) == 0)
    return ref_bad_value (error, "output_datatype %" G_GINT64_FORMAT " is no numeric type", dtype);
  *out = (GonioDType)dtype;
  return TRUE;
}

/* ---- windows: a0 - a1 cos (x) + a2 cos (2 x) ---- */

typedef struct {
  double a[3];
} WindowOp;

static gboolean
run_window (GonioKernel *k, GError **error)
{
  const WindowOp *op = k->row->data;
  gboolean periodic = ref_attr_int (k, "periodic", 1) != 0;
  GonioDType dtype;
  GonioTensor *y;
  int64_t size;

  if (!output_type (k, &dtype, error) || !ref_scalar_int (k->inputs[0], &size, "size", error))
    return FALSE;
  y = ref_output (k, 0, dtype, REF_SHAPE (size), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < size; i++) {
    double period = (double)(periodic ? size : size - 1);
    double x = period > 0 ? 2 * M_PI * (double)i / period : M_PI; /* one sample: the peak */
    double value = op->a[0] - op->a[1] * cos (x) + op->a[2] * cos (2 * x);

    ref_store_f64 (y, i, 1, &value);
  }
  return TRUE;
}

/* ---- mel ---- */

static double
mel_to_hertz (double mel)
{
  return 700 * (pow (10, mel / 2595) - 1);
}

static double
hertz_to_mel (double hertz)
{
  return 2595 * log10 (1 + hertz / 700);
}

/* The spectrogram bin at which triangle i begins. */
static int64_t
mel_edge (int64_t i, int64_t bins, double low, double high, double length, double rate)
{
  double mel = low + (double)i * (high - low) / (double)(bins + 2);
  double bin = floor ((length + 1) * mel_to_hertz (mel) / rate);

  return isfinite (bin) ? (int64_t)CLAMP (bin, -1, 0x1p40) : -1;
}

static gboolean
run_mel (GonioKernel *k, GError **error)
{
  static const char *const names[] = {"num_mel_bins", "dft_length", "sample_rate",
                                      "lower_edge_hertz", "upper_edge_hertz"};
  double v[5], low, high;
  int64_t bins, rows;
  GonioDType dtype;
  GonioTensor *y;

  for (int i = 0; i < 5; i++)
    if (!ref_scalar_f64 (k->inputs[i], &v[i], names[i], error))
      return FALSE;
  for (int i = 0; i < 3; i++)
    if (!(v[i] >= (i == 0 ? 0 : 1) && v[i] < 0x1p31))
      return ref_bad_value (error, "%s is %g", names[i], v[i]);
  if (!output_type (k, &dtype, error))
    return FALSE;
  bins = (int64_t)v[0];
  rows = (int64_t)v[1] / 2 + 1;
  low = hertz_to_mel (v[3]);
  high = hertz_to_mel (v[4]);
  y = ref_output (k, 0, dtype, REF_SHAPE (rows, bins), error);
  if (y == NULL)
    return FALSE;
  ref_clear (y, 0, gonio_tensor_count (y));
  for (int64_t i = 0; i < bins; i++) {
    int64_t left = mel_edge (i, bins, low, high, v[1], v[2]);
    int64_t peak = mel_edge (i + 1, bins, low, high, v[1], v[2]);
    int64_t right = mel_edge (i + 2, bins, low, high, v[1], v[2]);

    for (int64_t row = MAX (left, 0); row < MIN (MAX (right, peak + 1), rows); row++) {
      double value = row == peak  ? 1
                     : row < peak ? (double)(row - left) / (double)(peak - left)
                                  : (double)(right - row) / (double)(right - peak);

      ref_store_f64 (y, row * bins + i, 1, &value);
    }
  }
  return TRUE;
}

/* ---- Fourier transform ---- */

/* Splits by the smallest factor; what is prime is summed term by term. x: every step-th of n
 * values, y: n values, spare: n values. roots: e^(-+2 pi i j / total) for all j. */
static gboolean
transform (const double complex *x, int64_t step, int64_t n, double complex *y,
           double complex *spare, const double complex *roots, int64_t total,
           GCancellable *cancellable, GError **error)
{
  int64_t p = 2, m;

  if (n == 1) {
    y[0] = x[0];
    return TRUE;
  }
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  while (n % p != 0)
    p = p * p > n ? n : p + 1;
  m = n / p;
  for (int64_t r = 0; r < p; r++)
    if (!transform (x + r * step, step * p, m, spare + r * m, y + r * m, roots, total, cancellable,
                    error))
      return FALSE;
  for (int64_t i = 0; i < n; i++) {
    double complex sum = 0;

    for (int64_t r = 0; r < p; r++)
      sum += spare[r * m + i % m] * roots[i * r % n * (total / n)];
    y[i] = sum;
  }
  return TRUE;
}

/* One transform length with its tables. */
typedef struct {
  int64_t n;
  double complex *roots, *in, *out, *spare;
} Fourier;

static void
fourier_clear (Fourier *f)
{
  g_free (f->roots);
  g_free (f->in);
  g_free (f->out);
  g_free (f->spare);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fourier, fourier_clear)

static gboolean
fourier_init (Fourier *f, int64_t n, gboolean inverse, GError **error)
{
  f->n = n;
  f->roots = ref_alloc (n, sizeof *f->roots, error);
  f->in = f->roots != NULL ? ref_alloc (n, sizeof *f->in, error) : NULL;
  f->out = f->in != NULL ? ref_alloc (n, sizeof *f->out, error) : NULL;
  f->spare = f->out != NULL ? ref_alloc (n, sizeof *f->spare, error) : NULL;
  for (int64_t i = 0; f->spare != NULL && i < n; i++) {
    double angle = 2 * M_PI * (double)i / (double)n;

    f->roots[i] = cos (angle) + I * (inverse ? sin (angle) : -sin (angle));
  }
  return f->spare != NULL;
}

static gboolean
fourier_run (Fourier *f, GCancellable *cancellable, GError **error)
{
  return transform (f->in, 1, f->n, f->out, f->spare, f->roots, f->n, cancellable, error);
}

/* parts: numbers per sample, 1 (real) or 2 (real, imaginary); at: first number. */
static double complex
sample (const GonioTensor *x, int64_t at, int64_t parts)
{
  double v[2] = {0, 0};

  ref_load_f64 (x, at, parts, v);
  return v[0] + I * v[1];
}

static void
store_sample (GonioTensor *y, int64_t at, int64_t parts, double complex value)
{
  double v[2] = {creal (value), cimag (value)};

  ref_store_f64 (y, at, parts, v);
}

typedef struct {
  int64_t outer, inner; /* around the transformed axis, the last dimension left out */
  int64_t n_in, n_out, length;
  int64_t parts_in, parts_out;
  gboolean inverse, mirrored; /* mirrored: the input is the first half of a symmetric spectrum */
} Dft;

static gboolean
dft_init (Dft *d, GonioKernel *k, GonioShape *shape, GError **error)
{
  gboolean onesided = ref_attr_int (k, "onesided", 0) != 0;
  int64_t given = -2;
  int axis;

  *shape = *gonio_tensor_shape (k->inputs[0]);
  d->inverse = ref_attr_int (k, "inverse", 0) != 0;
  if (ref_in (k, 2) != NULL && !ref_scalar_int (k->inputs[2], &given, "axis", error))
    return FALSE;
  if (shape->rank < 2)
    return ref_bad_shape (error, "input has rank %d, it must be at least 2", shape->rank);
  if (!ref_axis (given, shape->rank, &axis, error))
    return FALSE;
  if (axis == shape->rank - 1)
    return ref_bad_value (error, "the last axis holds real and imaginary part");
  d->parts_in = shape->dims[shape->rank - 1];
  if (d->parts_in != 1 && d->parts_in != 2)
    return ref_bad_shape (
        error, "the last dimension is %" G_GINT64_FORMAT ", it must be 1 (real) or 2 (complex)",
        d->parts_in);
  d->n_in = shape->dims[axis];
  d->mirrored = d->inverse && onesided;
  d->length = d->mirrored ? 2 * (d->n_in - 1) : d->n_in;
  if (ref_in (k, 1) != NULL && !ref_scalar_int (k->inputs[1], &d->length, "dft_length", error))
    return FALSE;
  if (d->length < 1 || d->length > ((int64_t)1 << 28))
    return ref_bad_value (error, "dft_length is %" G_GINT64_FORMAT, d->length);
  d->n_out = onesided && !d->inverse ? d->length / 2 + 1 : d->length;
  d->parts_out = d->mirrored ? 1 : 2;
  d->outer = ref_dims_product (shape, 0, axis);
  d->inner = ref_dims_product (shape, axis + 1, shape->rank - 1);
  shape->dims[axis] = d->n_out;
  shape->dims[shape->rank - 1] = d->parts_out;
  return TRUE;
}

/* Reads one lane, cut or filled with zeros to the transform length. */
static void
dft_load (const Dft *d, const GonioTensor *x, int64_t at, Fourier *f)
{
  for (int64_t i = 0; i < d->length; i++) {
    gboolean mirror = d->mirrored && i > d->length / 2;
    int64_t from = mirror ? d->length - i : i;
    double complex value = 0;

    if (from < d->n_in)
      value = sample (x, at + from * d->inner * d->parts_in, d->parts_in);
    f->in[i] = mirror ? conj (value) : value;
  }
}

static gboolean
run_dft (GonioKernel *k, GError **error)
{
  g_auto (Fourier) f = {0};
  GonioShape shape;
  GonioTensor *y;
  Dft d = {0};

  if (!dft_init (&d, k, &shape, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (!fourier_init (&f, d.length, d.inverse, error))
    return FALSE;
  for (int64_t lane = 0; lane < d.outer * d.inner; lane++) {
    int64_t o = lane / d.inner, i = lane % d.inner;

    dft_load (&d, k->inputs[0], (o * d.n_in * d.inner + i) * d.parts_in, &f);
    if (!fourier_run (&f, k->cancellable, error))
      return FALSE;
    for (int64_t j = 0; j < d.n_out; j++)
      store_sample (y, ((o * d.n_out + j) * d.inner + i) * d.parts_out, d.parts_out,
                    d.inverse ? f.out[j] / (double)d.length : f.out[j]);
  }
  return TRUE;
}

/* ---- STFT ---- */

typedef struct {
  int64_t batch, total, parts, step, length, frames, bins;
  double *window; /* length, nullable */
} Stft;

static gboolean
stft_init (Stft *s, GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  GonioTensor *window = ref_in (k, 2), *length = ref_in (k, 3);

  if (x->rank < 2 || x->rank > 3)
    return ref_bad_shape (error, "the signal has rank %d, it must be 2 or 3", x->rank);
  s->batch = x->dims[0];
  s->total = x->dims[1];
  s->parts = x->rank == 3 ? x->dims[2] : 1;
  s->length = window != NULL ? gonio_tensor_count (window) : s->total;
  if (s->parts != 1 && s->parts != 2)
    return ref_bad_shape (error, "the last dimension is %" G_GINT64_FORMAT, s->parts);
  if (!ref_scalar_int (k->inputs[1], &s->step, "frame_step", error) ||
      (length != NULL && !ref_scalar_int (length, &s->length, "frame_length", error)))
    return FALSE;
  if (s->step < 1 || s->length < 1 || s->length > s->total ||
      (window != NULL && gonio_tensor_count (window) != s->length))
    return ref_bad_value (error,
                          "frames of %" G_GINT64_FORMAT " every %" G_GINT64_FORMAT
                          " samples do not fit a signal of %" G_GINT64_FORMAT " and its window",
                          s->length, s->step, s->total);
  s->frames = (s->total - s->length) / s->step + 1;
  s->bins = ref_attr_int (k, "onesided", 1) != 0 ? s->length / 2 + 1 : s->length;
  if (window != NULL && (s->window = ref_dup_f64 (window, error)) == NULL)
    return FALSE;
  return TRUE;
}

static gboolean
stft_frames (const Stft *s, GonioKernel *k, GonioTensor *y, GError **error)
{
  g_auto (Fourier) f = {0};

  if (!fourier_init (&f, s->length, FALSE, error))
    return FALSE;
  for (int64_t frame = 0; frame < s->batch * s->frames; frame++) {
    int64_t from = frame / s->frames * s->total + frame % s->frames * s->step;

    for (int64_t i = 0; i < s->length; i++)
      f.in[i] = sample (k->inputs[0], (from + i) * s->parts, s->parts) *
                (s->window != NULL ? s->window[i] : 1);
    if (!fourier_run (&f, k->cancellable, error))
      return FALSE;
    for (int64_t i = 0; i < s->bins; i++)
      store_sample (y, (frame * s->bins + i) * 2, 2, f.out[i]);
  }
  return TRUE;
}

static gboolean
run_stft (GonioKernel *k, GError **error)
{
  Stft s = {0};
  GonioTensor *y;
  gboolean ok = stft_init (&s, k, error);

  if (ok) {
    y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]),
                    REF_SHAPE (s.batch, s.frames, s.bins, 2), error);
    ok = y != NULL && (gonio_tensor_count (y) == 0 || stft_frames (&s, k, y, error));
  }
  g_free (s.window);
  return ok;
}

static const WindowOp blackman = {{0.42, 0.5, 0.08}};
static const WindowOp hamming = {{25.0 / 46, 1 - 25.0 / 46, 0}};
static const WindowOp hann = {{0.5, 0.5, 0}};

const RefRow ref_rows_signal[] = {
    {GONIO_OP_BLACKMAN_WINDOW, run_window, &blackman, {REF_INDEX}, 0, 0},
    {GONIO_OP_DFT, run_dft, NULL, {REF_FLOATS, REF_INDEX}, 0, 0},
    {GONIO_OP_HAMMING_WINDOW, run_window, &hamming, {REF_INDEX}, 0, 0},
    {GONIO_OP_HANN_WINDOW, run_window, &hann, {REF_INDEX}, 0, 0},
    {GONIO_OP_MEL_WEIGHT_MATRIX,
     run_mel,
     NULL,
     {REF_INDEX, REF_INDEX, REF_INDEX, REF_FLOATS},
     0,
     0},
    {GONIO_OP_STFT, run_stft, NULL, {REF_FLOATS, REF_INDEX, REF_FLOATS, REF_INDEX}, 0x5, 0},
    {0},
};
