Feature: Schedules
  Runs by time. Zones and daylight saving are pinned by the engine's tests, which have a clock.

  Scenario: after runs at once, then again after the end
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {after: {seconds: 1}}
      do:
        - note: {set: {due: '${ .due | length > 19 }', next: '${ has("next") }'}}
      """
    When the workflow is deployed
    Then the workflow 'schedule' should complete with output:
      """yaml
      {due: true, next: false}
      """

  Scenario: every runs at its interval and is told the next time
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {every: {seconds: 1}}
      do:
        - note: {set: {next: '${ has("next") }'}}
      """
    When the workflow is deployed
    Then the workflow 'schedule' should complete with output:
      """yaml
      next: true
      """

  Scenario: A definition that is run by time can be run by hand
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {cron: '0 0 1 1 *'}
      do:
        - note: {set: {n: '${ .n }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario Outline: What is wrong with a schedule is said
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {<schedule>}
      do:
        - note: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | schedule                       | problem                                            |
      | cron: '0 0 30 2 *'             | 2:19: no month has such a day                      |
      | cron: '* * * * * *'            | 2:19: a cron expression has five fields            |
      | cron: '@daily'                 | 2:19: for example 0 0 * * * for every midnight     |
      | cron: '61 * * * *'             | 2:19: the minute takes 0 to 59                     |
      | every: {milliseconds: 10}      | 2:19: second                                       |
      | every: PT1M, cron: '* * * * *' | 2:25: one                                          |

  Scenario: A zone and a cron expression are accepted
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0', metadata: {mainstay: {timezone: Europe/Berlin}}}
      schedule: {cron: '30 2 * * 1-5'}
      do:
        - note: {set: {n: 1}}
      """
    Then the definition is accepted

  Scenario: A zone that does not exist is told at its place
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0', metadata: {mainstay: {timezone: Europe/Atlantis}}}
      schedule: {cron: '30 2 * * 1-5'}
      do:
        - note: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      1:108: there is no time zone 'Europe/Atlantis'
      """

  Scenario: A schedule follows the newest version
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {every: {seconds: 1}}
      do:
        - note: {set: {version: 1.0.0}}
      """
    When the workflow is deployed
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.1.0'}
      schedule: {every: {seconds: 1}}
      do:
        - note: {set: {version: 1.1.0}}
      """
    And the workflow is deployed
    Then the workflow 'schedule' should complete with output:
      """yaml
      version: 1.1.0
      """

  Scenario: A schedule goes on after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: schedule, version: '1.0.0'}
      schedule: {every: {seconds: 1}}
      do:
        - note: {set: {next: '${ has("next") }'}}
      """
    When the workflow is deployed
    And the coordinator is restarted
    Then the workflow 'schedule' should complete with output:
      """yaml
      next: true
      """
