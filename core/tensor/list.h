/* Sequences and optional values: a GonioTensor handle whose elements are tensors. Depends on
 * base.
 *
 * Everything that passes values on (sessions, plans, backends) holds GonioTensor references and
 * need not know what is inside. gonio_tensor_kind() tells. To functions of tensor.h a list looks
 * like a tensor of type NONE and shape [0]: no elements, no bytes. A list never changes once
 * made, so handing it on is taking a reference; its tensors have memory of their own (never a
 * place in a run's arena), which is up to whoever makes it.
 */
#pragma once

#include "core/tensor/tensor.h"

G_BEGIN_DECLS

/* Budget of one list: items, and bytes with what each item costs besides its data. */
#define GONIO_LIST_MAX_ITEMS  (1u << 20)
#define GONIO_LIST_MAX_BYTES  ((size_t)4 << 30)
#define GONIO_LIST_ITEM_BYTES ((size_t)256)

/* A new list of n items (each gets a reference). SEQUENCE: any number of tensors of one type;
 * OPTIONAL: at most one tensor; OPTIONAL_SEQUENCE: at most one sequence. dtype: the tensors'
 * type, NONE to take it from the items. GONIO_RUN_ERROR_VALUE for items that do not fit,
 * GONIO_RUN_ERROR_MEMORY beyond the budget. (transfer full) */
GonioTensor *gonio_list_new (GonioKind kind, GonioDType dtype, GonioTensor *const *items, guint n,
                             GError **error);

/* The rest is for lists only; a tensor counts as a list without items. */
guint gonio_list_length (const GonioTensor *list);
GonioTensor *gonio_list_item (const GonioTensor *list, guint i); /* borrowed; i < length */
/* Type of the tensors in it; NONE when it is empty and was made without one. */
GonioDType gonio_list_dtype (const GonioTensor *list);
/* What is inside, down to the tensors' data, as the budget counts it. */
size_t gonio_list_bytes (const GonioTensor *list);
/* "sequence of 3 float", "empty optional float", "float [2,3]" for a tensor. (transfer full) */
char *gonio_list_describe (const GonioTensor *value);

G_END_DECLS
