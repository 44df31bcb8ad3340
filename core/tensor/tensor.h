/* Dense, row-major, reference-counted tensors. Depends on base.
 *
 * A tensor's bytes are 64-byte aligned and are followed by GONIO_TENSOR_TAIL readable bytes,
 * because vectorised kernels read past the end by design. Reference counting is thread-safe;
 * the contents are not guarded: a tensor is written by its creator and read-only once shared.
 */
#pragma once

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define GONIO_TENSOR_ALIGN 64
#define GONIO_TENSOR_TAIL  64

typedef struct _GonioTensor GonioTensor;

/* What a value is. The same handle also stands for lists of tensors, see core/tensor/list.h. */
typedef enum {
  GONIO_KIND_TENSOR = 0,
  GONIO_KIND_SEQUENCE,          /* of tensors */
  GONIO_KIND_OPTIONAL,          /* a tensor or nothing */
  GONIO_KIND_OPTIONAL_SEQUENCE, /* a sequence of tensors or nothing */
} GonioKind;
const char *gonio_kind_name (GonioKind kind); /* "tensor", "sequence", ... */

/* New tensor with unspecified contents (strings: all NULL, read as empty). NULL and
 * GONIO_RUN_ERROR_MEMORY when the size overflows, exceeds max_bytes (0 = 16 GiB) or cannot be
 * had. (transfer full) */
GonioTensor *gonio_tensor_new (GonioDType dtype, const GonioShape *shape, GError **error);
/* The same, zeroed. */
GonioTensor *gonio_tensor_new_zeroed (GonioDType dtype, const GonioShape *shape, GError **error);
/* The same for what is made while a session is built and lives as long (weights, packed ones): it
 * may lie in memory that is given back as a whole (gonio_pool_alloc()). */
GonioTensor *gonio_tensor_new_lasting (GonioDType dtype, const GonioShape *shape, gboolean zeroed,
                                       GError **error);
/* Copies size bytes, which must be exactly the tensor's size. */
GonioTensor *gonio_tensor_new_copy (GonioDType dtype, const GonioShape *shape, const void *data,
                                    size_t size, GError **error);
/* Wraps foreign memory without a copy. data must be 64-byte aligned with a readable tail and
 * stay valid until destroy (owner) is called. destroy may be NULL. Never for strings. */
GonioTensor *gonio_tensor_new_wrapped (GonioDType dtype, const GonioShape *shape, void *data,
                                       gpointer owner, GDestroyNotify destroy, GError **error);
/* Same bytes under another shape of equal element count; keeps a reference on tensor. */
GonioTensor *gonio_tensor_new_view (GonioTensor *tensor, const GonioShape *shape, GError **error);

GonioTensor *gonio_tensor_ref (GonioTensor *tensor);
void gonio_tensor_unref (GonioTensor *tensor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioTensor, gonio_tensor_unref)

GonioKind gonio_tensor_kind (const GonioTensor *tensor);
GonioDType gonio_tensor_dtype (const GonioTensor *tensor); /* NONE for lists */
const GonioShape *gonio_tensor_shape (const GonioTensor *tensor);
int64_t gonio_tensor_count (const GonioTensor *tensor);
size_t gonio_tensor_size (const GonioTensor *tensor); /* bytes, without the tail */
const void *gonio_tensor_data (const GonioTensor *tensor);
void *gonio_tensor_writable_data (GonioTensor *tensor);

/* Strings: element i, never NULL. Texts never change and are shared by the tensors that hold
 * them, so that only new ones cost memory: together 2 GiB in one tensor. */
#define GONIO_TENSOR_MAX_TEXT ((size_t)2 << 30)
const char *gonio_tensor_string (const GonioTensor *tensor, int64_t i);
size_t gonio_tensor_string_length (const GonioTensor *tensor, int64_t i); /* bytes, at no cost */
/* Lengths of all elements, shared ones included; 0 when it holds no strings. */
size_t gonio_tensor_text_bytes (const GonioTensor *tensor);
/* Element i becomes a new text of length bytes and a NUL, which the caller writes before anyone
 * else sees the tensor. NULL with GONIO_RUN_ERROR_MEMORY. Borrowed. */
char *gonio_tensor_new_string (GonioTensor *tensor, int64_t i, size_t length, GError **error);
/* Copies the text. */
gboolean gonio_tensor_set_string (GonioTensor *tensor, int64_t i, const char *text,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* dst[at] = src[from], by reference; an empty text when src is NULL. */
void gonio_tensor_share_string (GonioTensor *dst, int64_t at, const GonioTensor *src, int64_t from);

/* Element i converted to double / int64 (any numeric or bool type, sub-byte and half kinds
 * included; floats truncate towards zero and saturate for the integer form). i < count. */
double gonio_tensor_get_double (const GonioTensor *tensor, int64_t i);
int64_t gonio_tensor_get_int (const GonioTensor *tensor, int64_t i);

/* Bytes of a dtype/shape pair, FALSE on overflow. */
gboolean gonio_tensor_bytes (GonioDType dtype, const GonioShape *shape, size_t *out_size);

/* .npy version 1-3, C or Fortran order, little endian. Budget: 4 GiB. GONIO_LOAD_ERROR. */
GonioTensor *gonio_tensor_load_npy (const char *path, GError **error);
gboolean gonio_tensor_save_npy (const GonioTensor *tensor, const char *path, GError **error);

G_END_DECLS
