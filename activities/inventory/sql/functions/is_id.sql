-- Whether a text may name a stock item: nobody would see another one in it. Refused are the
-- characters that the client's messages refuse, and spaces at the ends.
CREATE FUNCTION holdfast.is_id(id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT id !~ (
        '^ | $|['
        -- Controls, and what turns round the text after it.
        '\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069'
        -- Other spaces.
        '\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000'
        -- What leaves nothing on the screen.
        '\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065'
        '\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00016fe4'
        '\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]')
$$;
