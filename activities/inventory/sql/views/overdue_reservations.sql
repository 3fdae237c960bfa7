-- Holds past their deadline that nothing has ended yet.
CREATE VIEW holdfast.overdue_reservations AS
SELECT r.id, r.checkout_id, r.customer_id, r.expires_at,
       extract(epoch FROM moment.at - r.ends_at)::double precision AS overdue_seconds,
       (SELECT coalesce(sum(l.quantity), 0)::bigint
          FROM holdfast.reservation_lines AS l WHERE l.reservation_id = r.id) AS units,
       r.ends_at
  FROM holdfast.reservations AS r, (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE r.ends_at <= moment.at;
