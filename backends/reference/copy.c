/* Moving elements of any type between tensors. Depends on core/tensor. */
#include "backends/reference/kernel.h"

#include <string.h>

/* Bytes per element; 0 for strings and packed types, which are moved one by one. */
static size_t
byte_size (const GonioTensor *tensor)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  guint bits = gonio_dtype_bits (dtype);

  return dtype == GONIO_DTYPE_STRING || bits < 8 ? 0 : bits / 8;
}

static void
copy_one (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from)
{
  GonioDType dtype = gonio_tensor_dtype (dst);

  if (dtype == GONIO_DTYPE_STRING) {
    gonio_tensor_share_string (dst, at, src, from);
  } else {
    guint bits = gonio_dtype_bits (dtype);

    ref_packed_set (gonio_tensor_writable_data (dst), bits, at,
                    ref_packed_get (gonio_tensor_data (src), bits, from));
  }
}

void
ref_copy (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from, int64_t n)
{
  size_t size = byte_size (dst);

  if (n <= 0)
    return;
  if (size > 0)
    memcpy ((char *)gonio_tensor_writable_data (dst) + (size_t)at * size,
            (const char *)gonio_tensor_data (src) + (size_t)from * size, (size_t)n * size);
  else
    for (int64_t i = 0; i < n; i++)
      copy_one (dst, at + i, src, from + i);
}

void
ref_clear (GonioTensor *dst, int64_t at, int64_t n)
{
  size_t size = byte_size (dst);

  if (n <= 0)
    return;
  if (size > 0) {
    memset ((char *)gonio_tensor_writable_data (dst) + (size_t)at * size, 0, (size_t)n * size);
    return;
  }
  for (int64_t i = at; i < at + n; i++) {
    if (gonio_tensor_dtype (dst) == GONIO_DTYPE_STRING)
      gonio_tensor_share_string (dst, i, NULL, 0);
    else
      ref_packed_set (gonio_tensor_writable_data (dst), gonio_dtype_bits (gonio_tensor_dtype (dst)),
                      i, 0);
  }
}

/* One strided row. */
static void
copy_row (GonioTensor *dst, int64_t at, int64_t dst_stride, const GonioTensor *src, int64_t from,
          int64_t src_stride, int64_t n)
{
  char *to = gonio_tensor_writable_data (dst);
  const char *in = gonio_tensor_data (src);

  if (dst_stride == 1 && src_stride == 1) {
    ref_copy (dst, at, src, from, n);
    return;
  }
  switch (byte_size (dst)) {
#define ROW(SIZE, TYPE)                                                                            \
  case SIZE:                                                                                       \
    for (int64_t i = 0; i < n; i++)                                                                \
      ((TYPE *)to)[at + i * dst_stride] = ((const TYPE *)in)[from + i * src_stride];               \
    break;
    ROW (1, uint8_t)
    ROW (2, uint16_t)
    ROW (4, uint32_t)
    ROW (8, uint64_t)
#undef ROW
  default:
    for (int64_t i = 0; i < n; i++)
      ref_copy (dst, at + i * dst_stride, src, from + i * src_stride, 1);
  }
}

void
ref_fill (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from, int64_t n)
{
  copy_row (dst, at, 1, src, from, 0, n);
}

/* Drops dimensions of one and joins those that both sides walk in one stride. */
static RefBox
simplify (const RefBox *box)
{
  RefBox b = {0};

  for (int d = 0; d < box->rank; d++) {
    int last = b.rank - 1;

    if (box->dims[d] == 1)
      continue;
    if (last >= 0 && b.src_stride[last] == box->src_stride[d] * box->dims[d] &&
        b.dst_stride[last] == box->dst_stride[d] * box->dims[d]) {
      b.dims[last] *= box->dims[d];
    } else {
      last = b.rank++;
      b.dims[last] = box->dims[d];
    }
    b.src_stride[last] = box->src_stride[d];
    b.dst_stride[last] = box->dst_stride[d];
  }
  if (b.rank == 0) {
    b.rank = 1;
    b.dims[0] = 1;
    b.src_stride[0] = b.dst_stride[0] = 1;
  }
  return b;
}

void
ref_copy_box (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from, const RefBox *box)
{
  RefBox b;
  int64_t index[REF_COPY_RANK] = {0};
  int last, d;

  for (d = 0; d < box->rank; d++)
    if (box->dims[d] <= 0)
      return;
  b = simplify (box);
  last = b.rank - 1;
  do {
    copy_row (dst, at, b.dst_stride[last], src, from, b.src_stride[last], b.dims[last]);
    for (d = last - 1; d >= 0; d--) {
      at += b.dst_stride[d];
      from += b.src_stride[d];
      if (++index[d] < b.dims[d])
        break;
      at -= b.dst_stride[d] * b.dims[d];
      from -= b.src_stride[d] * b.dims[d];
      index[d] = 0;
    }
  } while (d >= 0);
}
