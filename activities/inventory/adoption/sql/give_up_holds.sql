DELETE FROM {holds} AS t USING holdfast.adopted_holds AS h WHERE t.{hold_key} = h.row_key;
