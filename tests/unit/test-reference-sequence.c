/* Sequences and optional values: lists themselves, and every kernel with right and wrong inputs.
 */
#include "core/tensor/list.h"
#include "tests/support/reference-case.h"

#include <string.h>

/* ---- lists ---- */

/* (transfer full); takes the items. */
static GonioTensor *
list_of (GonioKind kind, guint n, GonioTensor *a, GonioTensor *b)
{
  GonioTensor *items[2] = {a, b};
  g_autoptr (GError) error = NULL;
  GonioTensor *list = gonio_list_new (kind, GONIO_DTYPE_NONE, items, n, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    gonio_tensor_unref (items[i]);
  return list;
}

static GonioTensor *
sequence (GonioTensor *a, GonioTensor *b)
{
  return list_of (GONIO_KIND_SEQUENCE, b != NULL ? 2 : a != NULL ? 1 : 0, a, b);
}

static void
assert_list (GonioKind kind, GonioDType dtype, GonioTensor *const *items, guint n,
             const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gonio_list_new (kind, dtype, items, n, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_list (void)
{
  g_autoptr (GonioTensor) a = TENSOR (FLOAT, "2", 1, 2);
  g_autoptr (GonioTensor) b = TENSOR_I64 (INT64, "", 3);
  g_autoptr (GonioTensor) list = sequence (gonio_tensor_ref (a), TENSOR (FLOAT, "1 3", 1, 2, 3));
  g_autoptr (GonioTensor) empty = sequence (NULL, NULL);
  GonioTensor *two[2] = {a, b}, *nested[1] = {list};
  g_autofree char *text = gonio_list_describe (list), *none = gonio_list_describe (empty);

  g_assert_cmpint (gonio_tensor_kind (list), ==, GONIO_KIND_SEQUENCE);
  g_assert_cmpint (gonio_list_dtype (list), ==, GONIO_DTYPE_FLOAT);
  g_assert_cmpuint (gonio_list_length (list), ==, 2);
  g_assert_true (gonio_list_item (list, 0) == a);
  g_assert_cmpuint (gonio_list_bytes (list), ==, 20 + 2 * GONIO_LIST_ITEM_BYTES);
  /* To those who take it for a tensor it is empty. */
  g_assert_cmpint (gonio_tensor_dtype (list), ==, GONIO_DTYPE_NONE);
  g_assert_cmpint (gonio_tensor_count (list), ==, 0);
  g_assert_cmpuint (gonio_tensor_size (list), ==, 0);
  g_assert_cmpstr (text, ==, "sequence of 2 float");
  g_assert_cmpstr (none, ==, "sequence of 0 none");
  /* A tensor counts as a list of nothing. */
  g_assert_cmpint (gonio_tensor_kind (a), ==, GONIO_KIND_TENSOR);
  g_assert_cmpuint (gonio_list_length (a), ==, 0);

  assert_list (GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, two, 2, "type int64");
  assert_list (GONIO_KIND_SEQUENCE, GONIO_DTYPE_DOUBLE, two, 1, "type float");
  assert_list (GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, nested, 1, "must be of kind tensor");
  assert_list (GONIO_KIND_OPTIONAL, GONIO_DTYPE_NONE, two, 2, "one item at most");
  assert_list (GONIO_KIND_OPTIONAL, GONIO_DTYPE_NONE, nested, 1, "must be of kind tensor");
  assert_list (GONIO_KIND_OPTIONAL_SEQUENCE, GONIO_DTYPE_NONE, two, 1, "kind sequence");
}

static void
test_list_budget (void)
{
  static _Alignas(GONIO_TENSOR_ALIGN) guint8 byte[2 * GONIO_TENSOR_ALIGN];
  GonioShape huge = GONIO_SHAPE ((int64_t)3 << 30); /* never touched */
  g_autoptr (GonioTensor) large =
      gonio_tensor_new_wrapped (GONIO_DTYPE_UINT8, &huge, byte, NULL, NULL, NULL);
  g_autoptr (GonioTensor) small = TENSOR_EMPTY (FLOAT, "0");
  g_autofree GonioTensor **many = g_new (GonioTensor *, GONIO_LIST_MAX_ITEMS + 1);
  GonioTensor *two[2] = {large, large};
  g_autoptr (GonioTensor) fits = NULL;

  for (guint i = 0; i <= GONIO_LIST_MAX_ITEMS; i++)
    many[i] = small;
  assert_list (GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, two, 2, "exceeds the limit");
  assert_list (GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, many, GONIO_LIST_MAX_ITEMS + 1,
               "exceeds the limit");
  fits = gonio_list_new (GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, many, GONIO_LIST_MAX_ITEMS, NULL);
  g_assert_nonnull (fits);
}

/* ---- kernels ---- */

/* Output 0 of a case: a sequence whose item i is expected. */
static void
assert_item (RefCase *c, guint n, guint i, GonioTensor *expected)
{
  const GonioTensor *item;

  if (c->outputs == NULL)
    g_assert_true (ref_case_run (c));
  g_assert_cmpint (gonio_tensor_kind (c->outputs[0]), ==, GONIO_KIND_SEQUENCE);
  g_assert_cmpuint (gonio_list_length (c->outputs[0]), ==, n);
  item = gonio_list_item (c->outputs[0], i);
  g_assert_cmpint (gonio_tensor_dtype (item), ==, gonio_tensor_dtype (expected));
  g_assert_true (gonio_shape_equal (gonio_tensor_shape (item), gonio_tensor_shape (expected)));
  for (int64_t e = 0; e < gonio_tensor_count (item); e++)
    g_assert_cmpfloat (gonio_tensor_get_double (item, e), ==,
                       gonio_tensor_get_double (expected, e));
  gonio_tensor_unref (expected);
}

static RefCase *
case_of (guint op, GonioTensor *a, GonioTensor *b, GonioTensor *c)
{
  RefCase *made = ref_case_new (op);

  if (a != NULL)
    ref_case_in (made, a);
  if (b != NULL)
    ref_case_in (made, b);
  if (c != NULL)
    ref_case_in (made, c);
  return made;
}

#define F1(x) TENSOR (FLOAT, "1", x)
#define N(x)  TENSOR_I64 (INT64, "", x)

static void
test_insert_erase (void)
{
  g_autoptr (RefCase) back =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), F1 (2)), F1 (3), NULL);
  g_autoptr (RefCase) front =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), F1 (2)), F1 (3), N (-2));
  g_autoptr (RefCase) first =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (NULL, NULL), F1 (3), N (0));
  g_autoptr (RefCase) beyond =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), F1 (2)), F1 (3), N (3));
  g_autoptr (RefCase) before =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), F1 (2)), F1 (3), N (INT64_MIN));
  g_autoptr (RefCase) other_type =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), F1 (2)), N (3), NULL);
  g_autoptr (RefCase) no_list = case_of (GONIO_OP_SEQUENCE_INSERT, F1 (1), F1 (3), NULL);
  g_autoptr (RefCase) no_tensor =
      case_of (GONIO_OP_SEQUENCE_INSERT, sequence (F1 (1), NULL), sequence (F1 (1), NULL), NULL);
  g_autoptr (RefCase) last =
      case_of (GONIO_OP_SEQUENCE_ERASE, sequence (F1 (1), F1 (2)), NULL, NULL);
  g_autoptr (RefCase) named =
      case_of (GONIO_OP_SEQUENCE_ERASE, sequence (F1 (1), F1 (2)), N (-2), NULL);
  g_autoptr (RefCase) outside =
      case_of (GONIO_OP_SEQUENCE_ERASE, sequence (F1 (1), F1 (2)), N (2), NULL);
  g_autoptr (RefCase) nothing =
      case_of (GONIO_OP_SEQUENCE_ERASE, sequence (NULL, NULL), NULL, NULL);

  assert_item (back, 3, 2, F1 (3));
  assert_item (back, 3, 0, F1 (1));
  assert_item (front, 3, 0, F1 (3));
  assert_item (first, 1, 0, F1 (3));
  ASSERT_FAILS (beyond, "position 3 is outside a sequence of 2");
  ASSERT_FAILS (before, "is outside a sequence of 2");
  ASSERT_FAILS (other_type, "types float and int64");
  ASSERT_FAILS (no_list, "must be of kind sequence, not tensor");
  ASSERT_FAILS (no_tensor, "must be a tensor");
  assert_item (last, 1, 0, F1 (1));
  assert_item (named, 1, 0, F1 (2));
  ASSERT_FAILS (outside, "position 2 is outside");
  ASSERT_FAILS (nothing, "the sequence is empty");
}

static void
test_at_length (void)
{
  g_autoptr (RefCase) at =
      case_of (GONIO_OP_SEQUENCE_AT, sequence (F1 (1), TENSOR (FLOAT, "2", 5, 6)), N (-1), NULL);
  g_autoptr (RefCase) outside =
      case_of (GONIO_OP_SEQUENCE_AT, sequence (F1 (1), F1 (2)), N (2), NULL);
  g_autoptr (RefCase) empty = case_of (GONIO_OP_SEQUENCE_AT, sequence (NULL, NULL), N (0), NULL);
  g_autoptr (RefCase) many = case_of (GONIO_OP_SEQUENCE_AT, sequence (F1 (1), F1 (2)),
                                      TENSOR_I64 (INT64, "2", 0, 1), NULL);
  g_autoptr (RefCase) length =
      case_of (GONIO_OP_SEQUENCE_LENGTH, sequence (F1 (1), F1 (2)), NULL, NULL);
  g_autoptr (RefCase) tensor = case_of (GONIO_OP_SEQUENCE_LENGTH, F1 (1), NULL, NULL);
  g_autoptr (RefCase) optional = case_of (
      GONIO_OP_SEQUENCE_LENGTH, list_of (GONIO_KIND_OPTIONAL, 1, F1 (1), NULL), NULL, NULL);

  ASSERT_OUT (at, 0, FLOAT, "2", 5, 6);
  ASSERT_FAILS (outside, "position 2 is outside");
  ASSERT_FAILS (empty, "outside a sequence of 0");
  ASSERT_FAILS (many, "must be one number");
  ASSERT_OUT_I64 (length, 0, INT64, "", 2);
  ASSERT_FAILS (tensor, "not tensor");
  ASSERT_FAILS (optional, "not optional");
}

static GonioTensor *
six (void)
{
  return TENSOR (FLOAT, "2 3", 0, 1, 2, 3, 4, 5);
}

static void
test_split_concat (void)
{
  g_autoptr (RefCase) rows = case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), NULL, NULL);
  g_autoptr (RefCase) flat = case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), NULL, NULL);
  g_autoptr (RefCase) even = case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), N (2), NULL);
  g_autoptr (RefCase) sizes =
      case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), TENSOR_I64 (INT64, "3", 1, 0, 2), NULL);
  g_autoptr (RefCase) zero = case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), N (0), NULL);
  g_autoptr (RefCase) much =
      case_of (GONIO_OP_SPLIT_TO_SEQUENCE, six (), TENSOR_I64 (INT64, "2", 2, INT64_MAX), NULL);
  g_autoptr (RefCase) scalar =
      case_of (GONIO_OP_SPLIT_TO_SEQUENCE, TENSOR (FLOAT, "", 1), NULL, NULL);
  g_autoptr (RefCase) vast =
      case_of (GONIO_OP_SPLIT_TO_SEQUENCE, TENSOR_EMPTY (FLOAT, "4000000000 0"), NULL, NULL);
  g_autoptr (RefCase) join =
      case_of (GONIO_OP_CONCAT_FROM_SEQUENCE, sequence (six (), six ()), NULL, NULL);
  g_autoptr (RefCase) stack =
      case_of (GONIO_OP_CONCAT_FROM_SEQUENCE,
               sequence (TENSOR (FLOAT, "2", 1, 2), TENSOR (FLOAT, "2", 3, 4)), NULL, NULL);
  g_autoptr (RefCase) uneven =
      case_of (GONIO_OP_CONCAT_FROM_SEQUENCE, sequence (six (), F1 (1)), NULL, NULL);
  g_autoptr (RefCase) empty =
      case_of (GONIO_OP_CONCAT_FROM_SEQUENCE, sequence (NULL, NULL), NULL, NULL);

  assert_item (rows, 2, 1, TENSOR (FLOAT, "1 3", 3, 4, 5));
  ref_case_int (flat, "axis", -1);
  ref_case_int (flat, "keepdims", 0);
  assert_item (flat, 3, 1, TENSOR (FLOAT, "2", 1, 4));
  ref_case_int (even, "axis", 1);
  assert_item (even, 2, 1, TENSOR (FLOAT, "2 1", 2, 5));
  ref_case_int (sizes, "axis", 1);
  assert_item (sizes, 3, 1, TENSOR_EMPTY (FLOAT, "2 0"));
  assert_item (sizes, 3, 2, TENSOR (FLOAT, "2 2", 1, 2, 4, 5));
  ASSERT_FAILS (zero, "parts of size 0");
  ASSERT_FAILS (much, "part 1 has size");
  ASSERT_FAILS (scalar, "axis 0 is outside");
  ASSERT_FAILS (vast, "more than a sequence holds");
  ref_case_int (join, "axis", 1);
  ASSERT_OUT (join, 0, FLOAT, "2 6", 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5);
  ref_case_int (stack, "axis", -1);
  ref_case_int (stack, "new_axis", 1);
  ASSERT_OUT (stack, 0, FLOAT, "2 2", 1, 3, 2, 4);
  ref_case_int (uneven, "axis", 0);
  ASSERT_FAILS (uneven, "cannot be joined");
  ref_case_int (empty, "axis", 0);
  ASSERT_FAILS (empty, "the sequence is empty");
}

static void
test_construct_empty (void)
{
  g_autoptr (RefCase) mixed = case_of (GONIO_OP_SEQUENCE_CONSTRUCT, F1 (1), N (2), NULL);
  g_autoptr (RefCase) two = case_of (GONIO_OP_SEQUENCE_CONSTRUCT, F1 (1), six (), NULL);
  g_autoptr (RefCase) none = case_of (GONIO_OP_SEQUENCE_EMPTY, NULL, NULL, NULL);
  g_autoptr (RefCase) odd = case_of (GONIO_OP_SEQUENCE_EMPTY, NULL, NULL, NULL);

  ASSERT_FAILS (mixed, "types float and int64");
  assert_item (two, 2, 1, six ());
  ref_case_int (none, "dtype", GONIO_DTYPE_INT64);
  g_assert_true (ref_case_run (none));
  g_assert_cmpuint (gonio_list_length (none->outputs[0]), ==, 0);
  g_assert_cmpint (gonio_list_dtype (none->outputs[0]), ==, GONIO_DTYPE_INT64);
  ref_case_int (odd, "dtype", INT64_MAX);
  ASSERT_FAILS (odd, "element type");
}

static void
test_optional (void)
{
  g_autoptr (RefCase) made = case_of (GONIO_OP_OPTIONAL, F1 (7), NULL, NULL);
  g_autoptr (RefCase) twice =
      case_of (GONIO_OP_OPTIONAL, list_of (GONIO_KIND_OPTIONAL, 0, NULL, NULL), NULL, NULL);
  g_autoptr (RefCase) inside = case_of (GONIO_OP_OPTIONAL_GET_ELEMENT,
                                        list_of (GONIO_KIND_OPTIONAL, 1, F1 (7), NULL), NULL, NULL);
  g_autoptr (RefCase) empty = case_of (GONIO_OP_OPTIONAL_GET_ELEMENT,
                                       list_of (GONIO_KIND_OPTIONAL, 0, NULL, NULL), NULL, NULL);
  g_autoptr (RefCase) plain = case_of (GONIO_OP_OPTIONAL_GET_ELEMENT, F1 (7), NULL, NULL);
  g_autoptr (RefCase) has_not = case_of (GONIO_OP_OPTIONAL_HAS_ELEMENT,
                                         list_of (GONIO_KIND_OPTIONAL, 0, NULL, NULL), NULL, NULL);
  g_autoptr (RefCase) has_list =
      case_of (GONIO_OP_OPTIONAL_HAS_ELEMENT,
               list_of (GONIO_KIND_OPTIONAL_SEQUENCE, 1, sequence (NULL, NULL), NULL), NULL, NULL);
  g_autoptr (RefCase) no_input = case_of (GONIO_OP_OPTIONAL_HAS_ELEMENT, NULL, NULL, NULL);

  g_assert_true (ref_case_run (made));
  g_assert_cmpint (gonio_tensor_kind (made->outputs[0]), ==, GONIO_KIND_OPTIONAL);
  g_assert_cmpuint (gonio_list_length (made->outputs[0]), ==, 1);
  ASSERT_FAILS (twice, "cannot hold another");
  ASSERT_OUT (inside, 0, FLOAT, "1", 7);
  ASSERT_FAILS (empty, "the optional value is empty");
  ASSERT_OUT (plain, 0, FLOAT, "1", 7);
  ASSERT_OUT_I64 (has_not, 0, BOOL, "", 0);
  ASSERT_OUT_I64 (has_list, 0, BOOL, "", 1);
  ASSERT_OUT_I64 (no_input, 0, BOOL, "", 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sequence/list", test_list);
  g_test_add_func ("/sequence/list-budget", test_list_budget);
  g_test_add_func ("/sequence/insert-erase", test_insert_erase);
  g_test_add_func ("/sequence/at-length", test_at_length);
  g_test_add_func ("/sequence/split-concat", test_split_concat);
  g_test_add_func ("/sequence/construct-empty", test_construct_empty);
  g_test_add_func ("/sequence/optional", test_optional);
  return g_test_run ();
}
