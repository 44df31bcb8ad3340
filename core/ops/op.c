/* Operator names, definitions and the schema check. Depends on graph and base. */
#include "core/ops/op.h"

static const struct {
  const char *name;
  const char *domain;
} ids[GONIO_OP_COUNT] = {
  [GONIO_OP_INVALID] = { "invalid", "gonio" },
#define GONIO_OP(ID, NAME, DOMAIN, FAMILY) [GONIO_OP_##ID] = { NAME, DOMAIN },
#include "core/ops/op-list.h"
#undef GONIO_OP
};

const char *
gonio_op_name (guint op)
{
  return ids[op < GONIO_OP_COUNT ? op : GONIO_OP_INVALID].name;
}

const char *
gonio_op_domain (guint op)
{
  return ids[op < GONIO_OP_COUNT ? op : GONIO_OP_INVALID].domain;
}

static guint
key_hash (gconstpointer key)
{
  const char *const *pair = key;
  return g_str_hash (pair[0]) * 31 + g_str_hash (pair[1]);
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  const char *const *x = a, *const *y = b;
  return g_str_equal (x[0], y[0]) && g_str_equal (x[1], y[1]);
}

static gpointer
build_index (gpointer unused)
{
  GHashTable *index = g_hash_table_new (key_hash, key_equal);
  for (guint i = 1; i < GONIO_OP_COUNT; i++)
    g_hash_table_insert (index, (gpointer) &ids[i], GUINT_TO_POINTER (i));
  return index;
}

GonioOpId
gonio_op_find (const char *domain, const char *name)
{
  static GOnce once = G_ONCE_INIT;
  GHashTable *index = g_once (&once, build_index, NULL);
  const char *key[2] = { name, g_str_equal (domain, "ai.onnx") ? "" : domain };
  return GPOINTER_TO_UINT (g_hash_table_lookup (index, key));
}
