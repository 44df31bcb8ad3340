/* The internal operator that changes a value's physical layout. Depends on family.h. */
#include "core/ops/family.h"

/* Logical shape and type stay. */
static const GonioAttrSchema attrs_layout[] = {{"to", GONIO_ATTR_STRING, TRUE}, {0}};

const GonioOpDef gonio_ops_layout[] = {
    {GONIO_OP_LAYOUT, 1, 1, 1, 1, GONIO_OPF_LAYOUT_SENSITIVE, 0, GONIO_TOLERANCE_EXACT,
     attrs_layout, gonio_infer_same},
    {.id = GONIO_OP_INVALID},
};
