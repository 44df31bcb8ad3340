/* Makes allocations fail that may fail: replaces GLib's g_try_* functions (and the making of thread
 * pools) for the program it is linked into. GLib's other functions, which end the program, are left
 * alone. */
#pragma once

#include <glib.h>

/* From here on the nth allocation of this kind fails, counted from 1, and with and_later all after
 * it. 0: none fails. */
void fault_start (guint nth, gboolean and_later);
/* Nothing fails any more. How many there were since the start. */
guint fault_stop (void);
