/* The inside of a tensor, shared by tensor.c and list.c only. Depends on tensor.h. */
#pragma once

#include "core/base/memory.h"
#include "core/tensor/tensor.h"

G_BEGIN_DECLS

struct _GonioTensor {
  gatomicrefcount refs;
  GonioKind kind;
  GonioDType dtype;
  GonioShape shape;
  int64_t count;
  size_t size;
  void *data;
  gpointer owner; /* what data lives in: own block, foreign owner or viewed tensor */
  GDestroyNotify destroy;
  gboolean owns_strings;     /* data: char* inside of reference-counted texts, see tensor.c */
  size_t new_text;           /* bytes of the texts made for it */
  GonioMemoryBudget *budget; /* nullable; taken bytes of it */
  size_t taken;
  /* Lists; dtype above is NONE then. */
  GonioDType item_dtype;
  guint n_items;
  GonioTensor **items;
  size_t item_bytes;
};

G_END_DECLS
