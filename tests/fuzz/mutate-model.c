/* Structure-aware mutation of protobuf files, ONNX models above all, for libFuzzer. Depends on
 * core/ops for the dictionary only.
 *
 * No schema: the bytes are read as a tree of fields (what reads as a message is one), the tree is
 * changed (subtrees copied, removed, swapped, nested; numbers and texts exchanged for others of
 * the same file, of the dictionary or for interesting ones), and written again. Lengths are thus
 * always right, and most results are still models. A tenth of the rounds is plain libFuzzer. */
#include "core/ops/op.h"

#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver (const uint8_t *data1, size_t size1, const uint8_t *data2,
                                  size_t size2, uint8_t *out, size_t max_out, unsigned int seed);

#define MAX_FIELDS  20000
#define MAX_DEPTH   48
#define MAX_SCRATCH ((size_t)1 << 20)
#define NONE        0 /* field 0 is the root */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct {
  guint32 number;
  guint32 type;
  guint64 value;       /* of numbers */
  const uint8_t *data; /* of bytes that are no message: in the input or in scratch */
  size_t size;
  guint parent, next, first, last; /* indices; NONE */
  gboolean message;
} Field;

typedef struct {
  Field fields[MAX_FIELDS];
  guint n;
  uint8_t scratch[MAX_SCRATCH];
  size_t n_scratch;
  guint64 random;
} Tree;

static Tree tree; /* libFuzzer mutates in one thread */

static guint64
roll (Tree *t)
{
  guint64 z = (t->random += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static guint
below (Tree *t, guint n)
{
  return n > 0 ? (guint)(roll (t) % n) : 0;
}

/* ---- reading ---- */

static gboolean
read_varint (const uint8_t **at, const uint8_t *end, guint64 *out)
{
  guint64 value = 0;

  for (guint shift = 0; shift < 64 && *at < end; shift += 7) {
    guint8 byte = *(*at)++;
    value |= (guint64)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *out = value;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
read_fixed (const uint8_t **at, const uint8_t *end, guint size, guint64 *out)
{
  if (end - *at < (gssize)size)
    return FALSE;
  *out = 0;
  for (guint i = 0; i < size; i++)
    *out |= (guint64)(*at)[i] << (8 * i);
  *at += size;
  return TRUE;
}

static guint
add_field (Tree *t, guint parent, const Field *like)
{
  if (t->n >= MAX_FIELDS)
    return NONE;
  guint i = t->n++;
  t->fields[i] = *like;
  t->fields[i].parent = parent;
  t->fields[i].next = t->fields[i].first = t->fields[i].last = NONE;
  return i;
}

static void
append_child (Tree *t, guint parent, guint child)
{
  Field *p = &t->fields[parent];

  t->fields[child].parent = parent;
  t->fields[child].next = NONE;
  if (p->last == NONE)
    p->first = child;
  else
    t->fields[p->last].next = child;
  p->last = child;
}

static gboolean
looks_like_text (const uint8_t *data, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (data[i] < 0x20 || data[i] > 0x7e)
      return FALSE;
  return TRUE;
}

static gboolean read_message (Tree *t, guint parent, const uint8_t *at, const uint8_t *end,
                              guint depth);

static gboolean
read_bytes (Tree *t, Field *field, guint *out_index, guint parent, const uint8_t **at,
            const uint8_t *end, guint depth)
{
  guint64 size = 0;

  if (!read_varint (at, end, &size) || size > (guint64)(end - *at))
    return FALSE;
  field->data = *at;
  field->size = (size_t)size;
  *at += size;
  guint index = *out_index = add_field (t, parent, field);
  if (index == NONE || size == 0 || depth >= MAX_DEPTH || looks_like_text (field->data, size))
    return index != NONE;
  guint n = t->n;
  if (read_message (t, index, field->data, field->data + size, depth + 1)) {
    t->fields[index].message = TRUE;
  } else {
    t->n = n;
    t->fields[index].first = t->fields[index].last = NONE;
  }
  return TRUE;
}

/* FALSE where the bytes are no message. */
static gboolean
read_message (Tree *t, guint parent, const uint8_t *at, const uint8_t *end, guint depth)
{
  while (at < end) {
    guint64 tag = 0;
    Field field = {0};
    guint index = NONE;
    gboolean ok = read_varint (&at, end, &tag) && tag >> 3 > 0 && tag >> 3 < 2048;

    field.number = (guint32)(tag >> 3);
    field.type = tag & 7;
    if (ok && field.type == BYTES) {
      ok = read_bytes (t, &field, &index, parent, &at, end, depth);
    } else if (ok) {
      ok = field.type == VARINT    ? read_varint (&at, end, &field.value)
           : field.type == FIXED64 ? read_fixed (&at, end, 8, &field.value)
           : field.type == FIXED32 ? read_fixed (&at, end, 4, &field.value)
                                   : FALSE;
      index = ok ? add_field (t, parent, &field) : NONE;
    }
    if (!ok || index == NONE)
      return FALSE;
    append_child (t, parent, index);
  }
  return TRUE;
}

/* A second message is read behind the first one in the same pool. */
static guint
read_tree (Tree *t, const uint8_t *data, size_t size)
{
  Field root = {.type = BYTES, .message = TRUE};
  guint index = t->n;

  if (t->n >= MAX_FIELDS)
    return G_MAXUINT;
  t->fields[t->n++] = root;
  return read_message (t, index, data, data + size, 0) ? index : G_MAXUINT;
}

/* ---- writing ---- */

static guint
varint_size (guint64 value)
{
  guint n = 1;

  for (; value >= 0x80; value >>= 7)
    n++;
  return n;
}

/* Sizes are remembered in size, from the leaves up. */
static size_t
measure (Tree *t, guint index, guint depth)
{
  Field *f = &t->fields[index];

  if (f->message) {
    f->size = 0;
    for (guint c = f->first; c != NONE && depth < 4 * MAX_DEPTH; c = t->fields[c].next) {
      size_t size = measure (t, c, depth + 1);
      f->size += varint_size ((guint64)t->fields[c].number << 3) + size;
      if (t->fields[c].type == BYTES)
        f->size += varint_size (size);
    }
    return f->size;
  }
  return f->type == BYTES     ? f->size
         : f->type == VARINT  ? varint_size (f->value)
         : f->type == FIXED64 ? 8
                              : 4;
}

static uint8_t *
put_varint (uint8_t *out, guint64 value)
{
  for (; value >= 0x80; value >>= 7)
    *out++ = (uint8_t)(value | 0x80);
  *out++ = (uint8_t)value;
  return out;
}

static uint8_t *
put_fields (const Tree *t, guint parent, uint8_t *out, guint depth)
{
  for (guint c = t->fields[parent].first; c != NONE && depth < 4 * MAX_DEPTH;
       c = t->fields[c].next) {
    const Field *f = &t->fields[c];
    out = put_varint (out, (guint64)f->number << 3 | f->type);
    if (f->type == VARINT) {
      out = put_varint (out, f->value);
    } else if (f->type == BYTES) {
      out = put_varint (out, f->size);
      if (f->message)
        out = put_fields (t, c, out, depth + 1);
      else if (f->size > 0)
        out = (uint8_t *)memcpy (out, f->data, f->size) + f->size;
    } else {
      for (guint i = 0; i < (f->type == FIXED64 ? 8 : 4); i++)
        *out++ = (uint8_t)(f->value >> (8 * i));
    }
  }
  return out;
}

/* 0: does not fit. The input's bytes are still read, so out is another buffer. */
static size_t
write_tree (Tree *t, guint root, uint8_t *out, size_t max)
{
  size_t size = measure (t, root, 0);

  return size <= max ? (size_t)(put_fields (t, root, out, 0) - out) : 0;
}

/* ---- choosing ---- */

typedef gboolean (*Wanted) (const Tree *t, const Field *candidate, const Field *like);

/* What was taken out of the tree stays in the pool with number 0. */
static gboolean
is_attached (const Tree *t, guint index)
{
  for (; index != NONE; index = t->fields[index].parent)
    if (t->fields[index].number == 0)
      return FALSE;
  return TRUE;
}

static gboolean
is_in_tree (const Tree *t, const Field *candidate, const Field *like)
{
  return is_attached (t, (guint)(candidate - t->fields));
}

static gboolean
is_message (const Tree *t, const Field *candidate, const Field *like)
{
  return candidate->message && is_in_tree (t, candidate, like);
}

static gboolean
is_text (const Tree *t, const Field *candidate, const Field *like)
{
  return candidate->type == BYTES && !candidate->message &&
         looks_like_text (candidate->data, candidate->size) && is_in_tree (t, candidate, like);
}

static gboolean
is_number (const Tree *t, const Field *candidate, const Field *like)
{
  return candidate->type != BYTES && is_in_tree (t, candidate, like);
}

/* In the same place of a like message: another node for a node, another dimension for one. */
static gboolean
is_kin (const Tree *t, const Field *candidate, const Field *like)
{
  return candidate->number == like->number && candidate->type == like->type &&
         candidate->message == like->message &&
         t->fields[candidate->parent].number == t->fields[like->parent].number;
}

/* One of the fields from..to-1, chosen evenly; NONE where there is none. */
static guint
choose (Tree *t, guint from, guint to, Wanted wanted, const Field *like)
{
  guint n = to > from ? to - from : 0, start = from + below (t, n);

  for (guint i = 0; i < n; i++) {
    guint index = from + (start - from + i) % n;
    if (index != NONE && wanted (t, &t->fields[index], like))
      return index;
  }
  return NONE;
}

/* ---- changing ---- */

static guint
copy_subtree (Tree *t, guint index, guint depth)
{
  Field like = t->fields[index];
  guint copy = depth < MAX_DEPTH ? add_field (t, NONE, &like) : NONE;

  for (guint c = t->fields[index].first; copy != NONE && c != NONE; c = t->fields[c].next) {
    guint child = copy_subtree (t, c, depth + 1);
    if (child == NONE)
      break;
    append_child (t, copy, child);
  }
  return copy;
}

static void
unlink_field (Tree *t, guint index)
{
  Field *parent = &t->fields[t->fields[index].parent];
  guint before = NONE;

  for (guint c = parent->first; c != NONE && c != index; c = t->fields[c].next)
    before = c;
  if (before == NONE)
    parent->first = t->fields[index].next;
  else
    t->fields[before].next = t->fields[index].next;
  if (parent->last == index)
    parent->last = before;
  t->fields[index].next = NONE;
  t->fields[index].number = 0;
}

static void
insert_after (Tree *t, guint place, guint index)
{
  guint parent = t->fields[place].parent;

  t->fields[index].parent = parent;
  t->fields[index].next = t->fields[place].next;
  t->fields[place].next = index;
  if (t->fields[parent].last == place)
    t->fields[parent].last = index;
}

static void
set_bytes (Tree *t, Field *field, const void *data, size_t size)
{
  if (size > MAX_SCRATCH - t->n_scratch)
    return;
  uint8_t *place = t->scratch + t->n_scratch;
  if (size > 0)
    memcpy (place, data, size);
  t->n_scratch += size;
  field->data = place;
  field->size = size;
}

static void
remove_one (Tree *t, guint chosen)
{
  unlink_field (t, chosen);
}

static void
duplicate (Tree *t, guint chosen)
{
  guint n = below (t, 12) == 0 ? 1 + below (t, 40) : 1;

  for (guint i = 0; i < n; i++) {
    guint copy = copy_subtree (t, chosen, 0);
    if (copy != NONE)
      insert_after (t, chosen, copy);
  }
}

/* Exchanges what two fields hold; their places and numbers stay. */
static void
swap_with_kin (Tree *t, guint chosen)
{
  guint other = choose (t, 1, t->n, is_kin, &t->fields[chosen]);

  if (!is_attached (t, other))
    return;
  for (guint up = other; up != NONE; up = t->fields[up].parent)
    if (up == chosen)
      return;
  for (guint up = chosen; up != NONE; up = t->fields[up].parent)
    if (up == other)
      return;
  guint copy = copy_subtree (t, other, 0);
  guint mine = copy_subtree (t, chosen, 0);
  if (copy == NONE || mine == NONE)
    return;
  insert_after (t, chosen, copy);
  unlink_field (t, chosen);
  insert_after (t, other, mine);
  unlink_field (t, other);
}

static void
replace_by_kin (Tree *t, guint chosen)
{
  guint other = choose (t, 1, t->n, is_kin, &t->fields[chosen]);
  guint copy = other != NONE && other != chosen ? copy_subtree (t, other, 0) : NONE;

  if (copy == NONE)
    return;
  insert_after (t, chosen, copy);
  unlink_field (t, chosen);
}

/* A copy of any field into any message: subgraphs in attributes, tensors where none belong. */
static void
graft (Tree *t, guint chosen)
{
  guint n = t->n, place = choose (t, 1, n, is_message, NULL);
  guint copy = place != NONE ? copy_subtree (t, chosen, 0) : NONE;

  if (copy == NONE)
    return;
  if (below (t, 4) == 0 && t->fields[place].first != NONE)
    t->fields[copy].number = t->fields[t->fields[place].first].number;
  append_child (t, place, copy);
}

static void
change_number (Tree *t, guint chosen)
{
  static const guint64 interesting[] = {0,
                                        1,
                                        2,
                                        3,
                                        7,
                                        8,
                                        16,
                                        64,
                                        255,
                                        256,
                                        65535,
                                        65536,
                                        G_MAXINT32,
                                        (guint64)G_MAXINT32 + 1,
                                        G_MAXUINT32,
                                        (guint64)1 << 32,
                                        (guint64)1 << 40,
                                        (guint64)1 << 61,
                                        G_MAXINT64,
                                        (guint64)G_MAXINT64 + 1,
                                        G_MAXUINT64,
                                        G_MAXUINT64 - 1,
                                        G_MAXUINT64 - 2,
                                        0x3f800000,           /* 1.0f */
                                        0x7f800000,           /* infinity */
                                        0x7fc00000,           /* not a number */
                                        0x3ff0000000000000u}; /* 1.0 */
  guint index = choose (t, 1, t->n, is_number, NULL);

  (void)chosen;
  if (index == NONE)
    return;
  Field *f = &t->fields[index];
  switch (below (t, 6)) {
  case 0:
    f->value += 1;
    break;
  case 1:
    f->value -= 1;
    break;
  case 2:
    f->value = t->fields[choose (t, 1, t->n, is_number, NULL)].value;
    break;
  case 3:
    f->value = below (t, 30);
    break;
  case 4:
    f->value ^= (guint64)1 << below (t, f->type == FIXED32 ? 32 : 64);
    break;
  default:
    f->value = interesting[below (t, G_N_ELEMENTS (interesting))];
    break;
  }
}

/* Operators, attributes, and what is special to readers. */
static const char *
dictionary_word (Tree *t)
{
  static const char *const words[] = {"",
                                      "ai.onnx",
                                      "ai.onnx.ml",
                                      "com.microsoft",
                                      "location",
                                      "offset",
                                      "length",
                                      "checksum",
                                      "..",
                                      "../x",
                                      "/etc/hosts",
                                      "./a//b",
                                      "a.bin",
                                      "SAME_UPPER",
                                      "SAME_LOWER",
                                      "VALID",
                                      "NOTSET",
                                      "linear",
                                      "nearest",
                                      "cubic",
                                      "reflect",
                                      "edge",
                                      "wrap",
                                      "constant",
                                      "floor",
                                      "ceil",
                                      "pytorch_half_pixel",
                                      "align_corners",
                                      "tf_crop_and_resize",
                                      "bilinear",
                                      "ij,jk->ik",
                                      "...i,ij->...j",
                                      "add",
                                      "mul",
                                      "max",
                                      "min",
                                      "N",
                                      "18446744073709551615",
                                      "-1",
                                      "9223372036854775807",
                                      "value",
                                      "value_ints",
                                      "body",
                                      "then_branch",
                                      "else_branch"};
  guint op = 1 + below (t, GONIO_OP_COUNT - 1);
  const GonioAttrSchema *attrs = gonio_op_def (op)->attrs;
  guint n = 0;

  while (attrs && attrs[n].name)
    n++;
  switch (below (t, 3)) {
  case 0:
    return gonio_op_name (op);
  case 1:
    return n > 0 ? attrs[below (t, n)].name : gonio_op_name (op);
  default:
    return words[below (t, G_N_ELEMENTS (words))];
  }
}

static void
change_text (Tree *t, guint chosen)
{
  guint index = choose (t, 1, t->n, is_text, NULL);
  guint other = choose (t, 1, t->n, is_text, NULL);

  (void)chosen;
  if (index == NONE)
    return;
  if (below (t, 2)) {
    const char *word = dictionary_word (t);
    set_bytes (t, &t->fields[index], word, strlen (word));
  } else {
    t->fields[index].data = t->fields[other].data;
    t->fields[index].size = t->fields[other].size;
  }
}

static gboolean
is_leaf_bytes (const Tree *t, const Field *candidate, const Field *like)
{
  return candidate->type == BYTES && !candidate->message;
}

static void
change_bytes (Tree *t, guint chosen)
{
  guint index = choose (t, 1, t->n, is_leaf_bytes, NULL);
  Field *f = &t->fields[index];

  (void)chosen;
  if (index == NONE || f->size > 4096 || 2 * f->size + 16 > MAX_SCRATCH - t->n_scratch)
    return;
  uint8_t *place = t->scratch + t->n_scratch;
  if (f->size > 0)
    memcpy (place, f->data, f->size);
  f->size = LLVMFuzzerMutate (place, f->size, 2 * f->size + 16);
  f->data = place;
  t->n_scratch += f->size;
}

static void
change_tag (Tree *t, guint chosen)
{
  static const guint32 types[] = {VARINT, FIXED64, BYTES, FIXED32};
  Field *f = &t->fields[chosen];

  if (below (t, 3)) {
    f->number = 1 + below (t, below (t, 4) ? 22 : 1100);
    return;
  }
  f->type = types[below (t, G_N_ELEMENTS (types))];
  f->message = f->message && f->type == BYTES;
  if (f->type == BYTES && !f->message && f->data == NULL)
    set_bytes (t, f, "", 0);
}

/* A message into itself, some levels deep. */
static void
nest (Tree *t, guint chosen)
{
  guint index = choose (t, 1, t->n, is_message, NULL), n = 1 + below (t, 3);

  (void)chosen;
  for (guint i = 0; index != NONE && i < n; i++) {
    guint copy = copy_subtree (t, index, 0);
    if (copy == NONE)
      return;
    guint place = choose (t, index + 1, t->n, is_message, NULL);
    append_child (t, place != NONE && place < copy ? place : index, copy);
    index = copy;
  }
}

static void
reorder (Tree *t, guint chosen)
{
  guint place = choose (t, 1, t->n, is_kin, &t->fields[chosen]);

  if (place == chosen || place == NONE || t->fields[place].parent != t->fields[chosen].parent)
    return;
  guint copy = copy_subtree (t, chosen, 0);
  if (copy == NONE || !is_attached (t, place))
    return;
  insert_after (t, place, copy);
  unlink_field (t, chosen);
}

typedef void (*Change) (Tree *t, guint chosen);

/* Often enough is stated by repetition. */
static const Change changes[] = {
    remove_one,    remove_one,  duplicate,   swap_with_kin, replace_by_kin, replace_by_kin,
    change_number, change_text, change_text, change_bytes,  change_number,  change_number,
    change_text,   graft,       change_tag,  nest,          reorder,        swap_with_kin,
};

size_t
LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
  Tree *t = &tree;

  t->n = 0;
  t->n_scratch = 0;
  t->random = seed;
  if (below (t, 10) == 0 || read_tree (t, data, size) != 0 || t->n < 2)
    return LLVMFuzzerMutate (data, size, max_size);
  guint rounds = 1 + below (t, below (t, 4) ? 3 : 8);
  for (guint i = 0; i < rounds; i++) {
    guint chosen = choose (t, 1, t->n, is_in_tree, NULL);
    if (chosen != NONE)
      changes[below (t, G_N_ELEMENTS (changes))](t, chosen);
  }
  g_autofree uint8_t *out = g_malloc (max_size);
  size_t written = write_tree (t, 0, out, max_size);
  if (written == 0)
    return LLVMFuzzerMutate (data, size, max_size);
  memcpy (data, out, written);
  return written;
}

size_t
LLVMFuzzerCustomCrossOver (const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                           uint8_t *out, size_t max_out, unsigned int seed)
{
  Tree *t = &tree;

  t->n = 0;
  t->n_scratch = 0;
  t->random = seed;
  guint first = read_tree (t, data1, size1), middle = t->n;
  guint second = first == 0 ? read_tree (t, data2, size2) : G_MAXUINT;
  if (second == G_MAXUINT || middle < 2)
    return 0;
  guint end = t->n, rounds = 1 + below (t, 4);
  for (guint i = 0; i < rounds; i++) {
    guint place = choose (t, 1, middle, is_in_tree, NULL);
    guint other = place != NONE ? choose (t, second + 1, end, is_kin, &t->fields[place]) : NONE;
    guint copy = other != NONE ? copy_subtree (t, other, 0) : NONE;
    if (copy == NONE)
      continue;
    insert_after (t, place, copy);
    if (below (t, 2))
      unlink_field (t, place);
  }
  return write_tree (t, 0, out, max_out);
}
