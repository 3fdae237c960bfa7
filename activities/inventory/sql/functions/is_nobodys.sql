-- Whether any checkout may take a payment: it has failed, and has not been started again since.
CREATE FUNCTION holdfast.is_nobodys(state text, paying_until timestamptz, at timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT state = 'failed' AND coalesce(paying_until <= at, true)
$$;
