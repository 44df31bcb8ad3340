/* Numbers of every element type, moved in chunks. Depends on core/tensor.
 *
 * Kernels compute in one of three wide forms, whatever the element type: double for the
 * floating kinds, int64 for signed integers, uint64 for unsigned integers and bool. Each form
 * holds every value of its types exactly, and a store rounds once, to nearest even (floats) or
 * wraps (integers), so results are those of the narrow type's own arithmetic.
 */
#pragma once

#include "core/tensor/tensor.h"

G_BEGIN_DECLS

#define REF_CHUNK 512

typedef enum {
  REF_FORM_FLOAT,
  REF_FORM_INT,
  REF_FORM_UINT,
  REF_FORM_NONE, /* strings, complex: moved, never computed with */
} RefForm;

typedef union {
  double f[REF_CHUNK];
  int64_t i[REF_CHUNK];
  uint64_t u[REF_CHUNK];
} RefChunk;

RefForm ref_form (GonioDType dtype);

/* Elements at..at+n-1 in the wide form (n <= REF_CHUNK for the chunk forms). Any numeric or
 * bool type may be read in any form: floats to integers truncate towards zero and saturate
 * (NaN is 0), integers to double round to nearest. */
void ref_load_f64 (const GonioTensor *tensor, int64_t at, int64_t n, double *out);
void ref_load_i64 (const GonioTensor *tensor, int64_t at, int64_t n, int64_t *out);

/* The way back. Doubles into integer types truncate towards zero, then wrap; int64 into
 * narrower integers wrap; uint64 is passed as its bits with is_unsigned. */
void ref_store_f64 (GonioTensor *tensor, int64_t at, int64_t n, const double *in);
void ref_store_i64 (GonioTensor *tensor, int64_t at, int64_t n, const int64_t *in,
                    gboolean is_unsigned);

/* Elements at, at + stride, ...: a lane along any axis. */
void ref_load_lane (const GonioTensor *tensor, int64_t at, int64_t stride, int64_t n, double *out);
void ref_store_lane (GonioTensor *tensor, int64_t at, int64_t stride, int64_t n, const double *in);

/* Chunk forms: step 0 repeats the one element at `at`. */
void ref_load (const GonioTensor *tensor, int64_t at, int step, int n, RefForm form, RefChunk *out);
void ref_store (GonioTensor *tensor, int64_t at, int n, RefForm form, const RefChunk *in);

/* The whole tensor as a new array, freed with g_free; NULL with GONIO_RUN_ERROR_MEMORY. */
double *ref_dup_f64 (const GonioTensor *tensor, GError **error);
int64_t *ref_dup_i64 (const GonioTensor *tensor, GError **error);

/* Small floating types. Rounding to nearest even; saturate decides what happens beyond the
 * largest finite value (ONNX Cast): that value, or infinity or NaN, whichever the type has. */
double ref_small_float_decode (GonioDType dtype, uint8_t bits);
uint8_t ref_small_float_encode (GonioDType dtype, double value, gboolean saturate);
/* FLOAT8E8M0: powers of two. round_mode: "up", "down" or "nearest" (ties up). */
uint8_t ref_e8m0_encode (double value, gboolean saturate, const char *round_mode);

/* Truncated towards zero; NaN is 0. Beyond int64 the nearest end of the range; the unsigned
 * form covers uint64 and gives negative numbers as their two's complement. */
int64_t ref_truncate_i64 (double value);
uint64_t ref_truncate_u64 (double value);

/* Packed types (less than a byte per element), low bits first. */
uint8_t ref_packed_get (const uint8_t *data, guint bits, int64_t i);
void ref_packed_set (uint8_t *data, guint bits, int64_t i, uint8_t value);

/* binary16 and bfloat16 of a double, rounded once. */
uint16_t ref_half (double value);
uint16_t ref_bfloat16 (double value);

G_END_DECLS
