/* Import rows of operators with subgraphs, of sequences and of optional values. Depends on
 * import.h. */
#include "core/onnx/import.h"

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }

const GonioImportRow gonio_import_control[] = {
    SINCE ("ConcatFromSequence", 11),
    SINCE ("If", 1),
    SINCE ("Loop", 1),
    SINCE ("Optional", 15),
    SINCE ("OptionalGetElement", 15),
    SINCE ("OptionalHasElement", 15),
    SINCE ("Scan", 9),
    SINCE ("SequenceAt", 11),
    SINCE ("SequenceConstruct", 11),
    SINCE ("SequenceEmpty", 11),
    SINCE ("SequenceErase", 11),
    SINCE ("SequenceInsert", 11),
    SINCE ("SequenceLength", 11),
    SINCE ("SequenceMap", 17),
    SINCE ("SplitToSequence", 11),
    {0},
};
