SET LOCAL search_path = {holds_path};
DELETE FROM {holds} AS t USING holdfast.adopted_holds AS h WHERE t.{hold_key} = h.row_key;
