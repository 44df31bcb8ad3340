/* Tables of the operators of ai.onnx.ml, for importer and kernels. Depends on GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Inputs of TreeEnsemble. A place is a row of the nodes when it is not negative, else a leaf: -1 is
 * leaf 0, -2 leaf 1. */
enum {
  GONIO_TREE_X,       /* [N,F] */
  GONIO_TREE_NODES,   /* [n,GONIO_TREE_COLUMNS] int64; children stand behind their parent */
  GONIO_TREE_SPLITS,  /* [n] double: what the feature is compared with */
  GONIO_TREE_LEAVES,  /* [leaves+1] int64: where the votes of each leaf start, and where they end */
  GONIO_TREE_TARGETS, /* [votes] int64 */
  GONIO_TREE_WEIGHTS, /* [votes] */
  GONIO_TREE_ROOTS,   /* [trees] int64: places */
  GONIO_TREE_MEMBERS, /* [members] double, optional: sets of values */
};

/* Columns of the nodes. */
enum {
  GONIO_TREE_FEATURE, /* which column of x */
  GONIO_TREE_MODE,
  GONIO_TREE_MISSING, /* not 0: NaN counts as true */
  GONIO_TREE_TRUE,    /* places to go on at */
  GONIO_TREE_FALSE,
  GONIO_TREE_FIRST, /* of the members: where the set of a MEMBER node starts, and its size */
  GONIO_TREE_COUNT,
  GONIO_TREE_COLUMNS
};

/* Values of the mode, as TreeEnsemble 5 numbers them. */
enum {
  GONIO_TREE_LEQ,
  GONIO_TREE_LT,
  GONIO_TREE_GTE,
  GONIO_TREE_GT,
  GONIO_TREE_EQ,
  GONIO_TREE_NEQ,
  GONIO_TREE_MEMBER,
};

/* Of PairCoupling, whose work grows with the cube. */
#define GONIO_MAX_PAIRED_CLASSES 1024

G_END_DECLS
