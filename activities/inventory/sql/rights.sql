-- The functions do what the tables' owner may. Everybody may run what others made unless told
-- otherwise, so they are closed to all; `migrate` opens them to the workers' role by name.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA holdfast FROM PUBLIC;
