ARRAY(SELECT t.{key} FROM {table} AS t
                           WHERE t.{key} = ANY(wanted) FOR NO KEY UPDATE SKIP LOCKED)
