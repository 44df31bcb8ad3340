/* What is still under way on threads that nobody joins. Depends on GLib.
 *
 * Exit handlers take down what libraries keep (drivers' lists of devices, tables, thread-local
 * values) while other threads go on. So work that is handed to such a thread is counted, and a
 * program waits for it before it ends. Any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* By whoever hands out the work, before a thread can begin it. */
void gonio_busy_begin (void);
/* By the thread that did it, last of all: the program may end at once. */
void gonio_busy_end (void);
/* Until nothing is under way. Cancel first what would take long. Not from such work. */
void gonio_busy_wait (void);

G_END_DECLS
