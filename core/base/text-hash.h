/* Hashing of texts that come from a file. Depends on GLib only. */
#pragma once

#include <glib.h>

/* For GHashTable, with g_str_equal(): keyed by a number that differs from run to run, so that a
 * file cannot choose thousands of names that fall into one place, as it can with g_str_hash(). */
guint gonio_text_hash (gconstpointer text);
