WHEN transaction_rollback OR object_not_in_prerequisite_state OR insufficient_resources
              OR operator_intervention OR system_error OR internal_error THEN
                RAISE;
